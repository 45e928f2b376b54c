/* tools.js - what the assistant may ask of this page, and what the page answers.
 *
 * Every request gets exactly one tool_result. Nothing opens, records or is sent without the person seeing it. */

/**
 * @typedef {{
 *   setVolume:(percent:number) => void,
 *   status:() => Promise<object>,
 *   offerLink:(url:URL) => void,
 *   stopMusic:() => boolean,
 *   takePhoto:() => Promise<{blob:Blob, width:number, height:number}>,
 *   send:(message:object) => void,
 *   sendBinary:(blob:Blob) => Promise<void>,
 * }} Hands
 */

const PHOTO_MOST = 5 * 1024 * 1024;

/** @param {any} message {"type":"tool","id","text","value"?} @param {Hands} hands */
export async function runTool(message, hands) {
  const { id } = message;
  try {
    const value = await run(message, hands);
    hands.send({ type: "tool_result", id, ok: true, ...(value === undefined ? {} : { value }) });
  } catch (error) {
    hands.send({ type: "tool_result", id, ok: false, error: error instanceof Error ? error.message : String(error) });
  }
}

/** @param {any} message @param {Hands} hands @returns {Promise<unknown>} */
async function run(message, hands) {
  const { value } = message;
  switch (message.text) {
    case "set_volume": {
      const percent = Number(value?.volume ?? value);
      if (value === null || !(percent >= 0 && percent <= 100)) throw new Error("volume must be 0 to 100");
      hands.setVolume(percent);
      return percent;
    }
    case "get_device_status":
      return hands.status();
    case "open_tab":
      hands.offerLink(webAddress(value?.url ?? value));
      return "shown as a link; the person decides";
    case "stop_music":
      return hands.stopMusic() ? "stopped" : "no music was playing";
    case "take_photo":
      return takePhoto(message.id, hands);
    default:
      throw new Error("unknown tool");
  }
}

/** @param {unknown} text */
export function webAddress(text) {
  const url = new URL(String(text)); // throws on anything relative or broken
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new Error("only http and https addresses");
  return url;
}

/** @param {unknown} id @param {Hands} hands */
async function takePhoto(id, hands) {
  const { blob, width, height } = await hands.takePhoto();
  if (blob.size > PHOTO_MOST) throw new Error("the picture is too large");
  hands.send({ type: "photo", id, size: blob.size, mime: "image/jpeg" });
  await hands.sendBinary(blob);
  return { size: blob.size, width, height };
}
