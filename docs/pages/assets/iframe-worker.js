// The search of the site runs in a worker, and browsers start none from a file: page. There, an iframe takes its place.
class IFrameWorker extends EventTarget {
  constructor(url) {
    super();
    const frame = document.createElement("iframe");
    frame.hidden = true;
    document.body.append(frame);
    this.inside = frame.contentWindow;
    this.inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
    this.inside.importScripts = (...urls) => Promise.all(urls.map((one) => load(this.inside.document, one)));
    this.ready = load(this.inside.document, url);
  }

  set onmessage(listener) {
    this.addEventListener("message", listener);
  }

  postMessage(data) {
    this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
  }

  terminate() {
    this.inside.frameElement.remove();
  }
}

function load(page, url) {
  return new Promise((done) => {
    const script = page.createElement("script");
    script.src = url;
    script.onload = done;
    page.body.append(script);
  });
}

if (location.protocol === "file:") {
  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
}
