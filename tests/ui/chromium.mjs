// Unpacks npm's Chromium into TMPDIR, unless it is there already, and prints its path.
import chromium from "@sparticuz/chromium";
console.log(await chromium.executablePath());
