import { render } from "preact";
import { ControlRoom } from "./control/ControlRoom.tsx";
import { HallPage } from "./hall/HallPage.tsx";
import { Conferences, SignedIn } from "./home/Home.tsx";
import { t } from "./i18n/index.ts";
import { Sheet } from "./ui/parts.tsx";
import "./styles/base.css";

/** Addresses are few and change only by loading a page, so the path alone says which face to show. */
function App() {
  const path = location.pathname.replace(/\/+$/, "");
  if (path === "/hall") return <HallPage />;
  if (path === "") return <SignedIn>{() => <Conferences />}</SignedIn>;
  const conference = decoded(/^\/control\/([^/]+)$/.exec(path)?.[1]);
  if (conference) return <SignedIn>{() => <ControlRoom conference={conference} />}</SignedIn>;
  return (
    <Sheet>
      <h1>{t("not-found")}</h1>
      <p>
        <a href="/">{t("not-found-home")}</a>
      </p>
    </Sheet>
  );
}

function decoded(part: string | undefined): string | undefined {
  try {
    return part && decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

render(<App />, document.getElementById("app")!);
