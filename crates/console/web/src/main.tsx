import { render } from "preact";
import { ControlRoom } from "./control/ControlRoom.tsx";
import { HallPage } from "./hall/HallPage.tsx";
import { Conferences, SignedIn } from "./home/Home.tsx";
import { t } from "./i18n/index.ts";
import "./styles/base.css";

/** Addresses are few and change only by loading a page, so the path alone says which face to show. */
function App() {
  const path = location.pathname.replace(/\/+$/, "");
  if (path === "/hall") return <HallPage />;
  if (path === "") return <SignedIn>{() => <Conferences />}</SignedIn>;
  const conference = /^\/control\/([^/]+)$/.exec(path)?.[1];
  if (conference) {
    return <SignedIn>{() => <ControlRoom conference={decodeURIComponent(conference)} />}</SignedIn>;
  }
  return <p>{t("not-found")}</p>;
}

render(<App />, document.getElementById("app")!);
