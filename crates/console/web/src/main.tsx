import { render } from "preact";

render(<h1>Điểm cầu</h1>, document.getElementById("app")!);
