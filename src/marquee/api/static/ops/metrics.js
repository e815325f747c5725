// What `/metrics` tells in Prometheus's text format, and what can be estimated from its histograms.

const SAMPLE = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)/i;
const DATA = /^\/v1\/(actors|titles)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Return what requests for data took so far, by route: {buckets: [[bound in s, this many or fewer]], count, errors}. */
export function readRoutes(text) {
  const routes = new Map();
  for (const line of text.split("\n")) {
    const [, name, labelled = "", value] = SAMPLE.exec(line) ?? [];
    if (name !== "marquee_request_seconds_bucket" && name !== "marquee_request_seconds_count") continue;
    const labels = Object.fromEntries([...labelled.matchAll(LABEL)].map(([, key, text]) => [key, text]));
    if (!DATA.test(labels.route)) continue; // this page itself asks for the others all the time
    const route = routes.get(labels.route) ?? { buckets: new Map(), count: 0, errors: 0 };
    routes.set(labels.route, route);
    if (name.endsWith("_bucket")) {
      const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
      route.buckets.set(bound, (route.buckets.get(bound) ?? 0) + Number(value));
    } else {
      route.count += Number(value);
      if (labels.status === "5xx") route.errors += Number(value);
    }
  }
  return new Map(
    [...routes].map(([route, found]) => [
      route,
      { ...found, buckets: [...found.buckets].sort(([one], [other]) => one - other) },
    ]),
  );
}

/** Return several routes taken together. */
export function sum(routes) {
  const buckets = new Map();
  let [amount, errors] = [0, 0];
  for (const each of routes) {
    for (const [bound, number] of each.buckets) buckets.set(bound, (buckets.get(bound) ?? 0) + number);
    amount += each.count;
    errors += each.errors;
  }
  return { buckets: [...buckets].sort(([one], [other]) => one - other), count: amount, errors };
}

/** Return what came between two readings; null where the process was another one, or began anew. */
export function between(before, after) {
  const earlier = new Map(before.buckets);
  const buckets = after.buckets.map(([bound, number]) => [bound, number - (earlier.get(bound) ?? 0)]);
  if (after.count < before.count || buckets.some(([, number]) => number < 0)) return null;
  return { buckets, count: after.count - before.count, errors: after.errors - before.errors };
}

/** Estimate a quantile in ms, evenly within its bucket; null where nothing was asked. */
export function quantile({ buckets, count }, share) {
  if (!count) return null;
  const wanted = share * count;
  let [low, below] = [0, 0];
  for (const [bound, number] of buckets) {
    if (number >= wanted && number > below) {
      if (bound === Infinity) return low * 1000; // it took longer than the last bound, by how much is not told
      return (low + (bound - low) * ((wanted - below) / (number - below))) * 1000;
    }
    [low, below] = [bound, number];
  }
  return null;
}
