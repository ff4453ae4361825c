/* Evermail: sends a shop's events to `collect`; docs/collect.md says how to use it. Never throws into the page. */
(function (window, document, navigator) {
  'use strict';
  const CLIENT = 'evermail.client', USER = 'evermail.user', EVENT = 'evermail.event.';
  const MAX_BATCH = 100, MAX_BYTES = 60000;  // browsers carry 64 KB past the end of a page
  const MAX_QUEUE = 500, MAX_AGE_MS = 7 * 864e5;
  const FIRST_WAIT_MS = 1000, LONGEST_WAIT_MS = 300000, LONGEST_ASKED_MS = 36e5, TIMEOUT_MS = 15000;

  let endpoint = '', consent;          // undefined: not known yet, so nothing is read or stored
  let client = newId(), user = null;   // without consent, of this page alone
  let queue = [];                      // what is not known to have arrived
  const kept = new Set();              // the ids of those that are in the storage too, each by itself: tabs share it
  let inFlight = new Set(), beaconed = new Set();
  let sending = false, timer = 0, failures = 0, notBefore = 0, askedUntil = 0;

  function newId() {
    if (crypto.randomUUID) return crypto.randomUUID();  // not on http pages
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), b => (256 + b).toString(16).slice(1)).join('');
  }
  const say = text => console.debug('evermail: ' + text);
  const idsOf = events => new Set(events.map(event => event.event_id));
  const bytes = event => new TextEncoder().encode(JSON.stringify(event)).length + 1;
  const isPersonal = event => event.consent.personalization !== false;
  const isWithdrawal = event => event.event_name === 'update_consent' && !isPersonal(event);

  // Storage may be forbidden or full: then what is kept lives as long as the page.
  function get(key) { try { return localStorage.getItem(key); } catch (e) { return undefined; } }
  function set(key, value) {
    try {
      if (value === null) localStorage.removeItem(key); else localStorage.setItem(key, value);
      return true;
    } catch (e) { return false; }
  }
  const keyOf = event => EVENT + event.event_time + event.event_id;

  function drop(leaves) {
    for (const event of queue.filter(leaves)) if (kept.delete(event.event_id)) set(keyOf(event), null);
    queue = queue.filter(event => !leaves(event));
  }

  function waiting() {
    const oldest = Date.now() - MAX_AGE_MS;
    drop(event => !(Date.parse(event.event_time) > oldest));
    drop(event => kept.has(event.event_id) && get(keyOf(event)) === null);  // another tab has sent it
    return queue;
  }

  function adopt() {  // what earlier pages have left
    let keys = [];
    try { keys = Object.keys(localStorage).filter(key => key.startsWith(EVENT)).sort(); } catch (e) { /* none */ }
    const known = idsOf(queue), left = [];
    for (const key of keys) {
      let event = null;
      try { event = JSON.parse(get(key)); } catch (e) { /* not ours */ }
      if (!event || !event.consent || keyOf(event) !== key) set(key, null);
      else if (!known.has(event.event_id)) left.push(event);
    }
    left.forEach(event => kept.add(event.event_id));
    queue = left.concat(queue);
    bound();
  }

  function bound() {
    const over = idsOf(queue.slice(0, Math.max(0, queue.length - MAX_QUEUE)));
    if (over.size) drop(event => over.has(event.event_id));
  }

  function add(name, fields) {
    const event = Object.assign({}, fields, {
      event_id: newId(), event_name: name, event_time: new Date().toISOString(),
      client_id: client, source: 'web', consent: {personalization: consent === true}
    });
    // A withdrawal must not get lost: it is kept until it has arrived, and nothing beside it.
    const keep = consent || isWithdrawal(event);
    delete event.user_id;
    if (user && keep) event.user_id = user;
    if (bytes(event) > MAX_BYTES) return say('an event is too large and was dropped');
    if (keep && set(keyOf(event), JSON.stringify(event))) kept.add(event.event_id);
    queue.push(event);
    bound();
    schedule();
  }

  function schedule() {
    clearTimeout(timer);
    timer = setTimeout(flush, Math.max(0, notBefore - Date.now()));
  }

  async function flush() {
    if (sending || !endpoint || Date.now() < notBefore) return;
    sending = true;
    try {
      // One tab at a time: the next one sees what this one has sent.
      await (navigator.locks ? navigator.locks.request('evermail', sendAll) : sendAll());
    } catch (e) { wait(0); }
    sending = false;
    if (waiting().length) schedule();
  }

  async function sendAll() {
    for (let batch = first(waiting()); batch.length; batch = first(waiting())) {
      inFlight = idsOf(batch);
      const answered = await send(batch);
      inFlight = new Set();
      if (!answered) return;
    }
  }

  function first(events) {
    let size = 1, count = 0;
    while (count < events.length && count < MAX_BATCH) {
      size += bytes(events[count]);
      if (size > MAX_BYTES && count) break;
      count++;
    }
    return events.slice(0, count);
  }

  async function send(batch) {
    const abort = new AbortController(), timeout = setTimeout(() => abort.abort(), TIMEOUT_MS);
    let response = null, answer = null;
    try {
      response = await fetch(endpoint, {
        method: 'POST', body: JSON.stringify(batch), headers: {'Content-Type': 'text/plain'},
        keepalive: true, credentials: 'omit', signal: abort.signal
      });
      // Read in any case: until then its request counts against what may be under way.
      answer = await response.json().catch(() => null);
    } catch (e) { /* no network, or no answer */ }
    clearTimeout(timeout);
    const status = response && response.status;
    const codes = [].concat(answer && answer.results || answer)
      .map(result => result && result.error && result.error.code).filter(Boolean).join(', ');
    // Any other answer is not about the events: a proxy's, or of a wrong address.
    if (status !== 202 && !(codes && [207, 400, 413].includes(status))) {
      if (status) say('kept: ' + (codes || status));
      wait(response && response.headers.get('Retry-After'));
      return false;
    }
    failures = 0;
    const sent = idsOf(batch);
    drop(event => sent.has(event.event_id));
    if (codes) say('refused: ' + codes);
    return true;
  }

  function wait(retryAfter) {
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * Math.pow(2, failures++));
    const asked = Number(retryAfter) * 1000 || Date.parse(retryAfter) - Date.now() || 0;
    askedUntil = Date.now() + Math.min(LONGEST_ASKED_MS, asked);
    notBefore = Math.max(askedUntil, Date.now() + most * (0.5 + Math.random() / 2));
  }

  // The page may be gone before there is an answer: what is stored stays, and the next page sends it again.
  function beacon() {
    if (!endpoint || (consent && Date.now() < notBefore)) return;
    let rest = waiting().filter(event => !inFlight.has(event.event_id) && !beaconed.has(event.event_id));
    for (let batch = first(rest); batch.length; batch = first(rest)) {
      if (!navigator.sendBeacon(endpoint, JSON.stringify(batch))) return;
      batch.forEach(event => beaconed.add(event.event_id));
      rest = rest.slice(batch.length);
    }
  }

  function identify(id) {
    user = id ? String(id) : null;
    if (consent && user && get(USER) !== user) {
      set(USER, user);
      add('identify');
    }
  }

  function allow() {
    const before = get(CLIENT);
    consent = true;
    client = before || newId();
    if (!before) {
      set(CLIENT, client);
      add('update_consent');
    }
    adopt();
    identify(user);
  }

  function withdraw() {
    const before = get(CLIENT) || (consent && client), known = get(USER), current = user;
    set(CLIENT, null);  // first, so that nothing can get in its way
    set(USER, null);
    consent = false;
    adopt();
    drop(isPersonal);
    if (before) {
      client = before;
      user = user || known;
      add('update_consent');
    }
    client = newId();
    user = current;
  }

  const commands = {
    init: options => {
      endpoint = options.endpoint;
      commands.consent(options.consent);
    },
    track: (name, fields) => name === 'update_consent' ? say('say evermail("consent", true)') : add(name, fields),
    identify: identify,
    consent: allowed => {
      if (allowed !== undefined && allowed !== consent) (allowed === true ? allow : withdraw)();
      schedule();
    }
  };
  function run(command) {
    try { commands[command[0]].apply(null, [].slice.call(command, 1)); }
    catch (e) { say(command[0] + ' failed: ' + e.name); }
  }
  const early = (window.evermail && window.evermail.q) || [];
  window.evermail = function () { run(arguments); };
  early.forEach(run);

  window.addEventListener('pagehide', beacon);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') return beacon();
    beaconed = new Set();
    schedule();
  });
  window.addEventListener('online', () => { notBefore = askedUntil; failures = 0; schedule(); });
  window.addEventListener('storage', event => {  // withdrawn in another tab, which has said so
    if (event.key === CLIENT && !event.newValue && consent) { consent = false; client = newId(); drop(isPersonal); }
  });
})(window, document, navigator);
