// What each fault means for the person in front of the page, and what to do about it.

const ADVICE = {
  no_speech: "You can also type the words instead.",
  too_large: "Choose a smaller file, or save this one at a lower quality.",
  too_long: "Use a shorter recording or fewer words.",
  unsupported_image: "Save the picture as JPEG or PNG, or the video as MP4.",
  unsupported_audio: "Save the recording as MP3 or WAV.",
  unreadable_media: "The file may be damaged. Save or record it again.",
  unauthorized: "Enter a key of this service, then try again.",
  rate_limited: "Wait a moment, then try again.",
  overloaded: "Wait a moment, then try again. Nothing you entered is lost.",
  provider_unavailable: "Try again in a while, or choose another provider.",
  provider_error: "Try again, or choose another provider.",
  bad_answer: "Choose another provider.",
  out_of_credits: "Top up the provider's account, or choose another provider.",
  plan_required: "Change the provider's plan, or choose another provider.",
  provider_not_configured:
    "Whoever runs this service has to set the provider's key. Choose another provider meanwhile.",
  provider_auth: "Whoever runs this service has to set another key. Choose another provider meanwhile.",
  outcome_unknown: "Look into the provider's account before you start it again.",
  content_policy: "The provider will not make this. Use another picture or other words.",
  input_rejected: "Use another file, or choose another provider.",
  timeout: "Try a shorter recording or a smaller picture.",
  unreachable: "Check your connection and that the service runs. Starting again never pays twice.",
  not_found: "It was deleted, or has expired.",
};
const WORTH_A_TRY = new Set([
  "rate_limited",
  "overloaded",
  "provider_unavailable",
  "provider_error",
  "internal_error",
  "unreachable",
  "unexpected",
  "unauthorized",
  "canceled",
]);
const CHARGES = {
  no: "Nothing was charged.",
  yes: "The provider charged for this.",
  unknown: "It is not known whether the provider charged for this.",
};

/** `fault` is a problem or a failed job's error. */
export const adviceFor = (fault) => ADVICE[fault.code] ?? "";
export const worthAnotherTry = (fault) => WORTH_A_TRY.has(fault.code) && fault.charged !== "yes";
export const chargeOf = (fault, provider) => (provider === "local" ? "" : (CHARGES[fault.charged] ?? ""));

/** How a fault without a title is called. */
export const titleOf = (fault) =>
  fault.title ?? fault.code.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());
