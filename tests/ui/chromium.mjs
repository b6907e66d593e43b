// Unpacks the Chromium that npm brought, once, and says where it is. TMPDIR says where to.
import chromium from "@sparticuz/chromium";
console.log(await chromium.executablePath());
