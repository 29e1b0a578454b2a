// Entry point of every page.
import { startClocks } from "./clock.js";
import { drawCharts } from "./charts.js";
import { startForms } from "./forms.js";
import { startLive } from "./live.js";

startForms(document);
startClocks();
drawCharts(document);
startLive();
