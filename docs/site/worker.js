// Browsers start no worker from a file on disk. There the search's script runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      const frame = document.createElement("iframe")
      frame.hidden = true
      const start = () => {
        document.body.append(frame)
        const inside = frame.contentWindow
        inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
        const script = frame.contentDocument.createElement("script")
        script.src = new URL(url, location.href).href
        script.onload = () => {
          this.postMessage = (data) => inside.dispatchEvent(new inside.MessageEvent("message", { data }))
          this.waiting.splice(0).forEach(this.postMessage)
        }
        frame.contentDocument.head.append(script)
      }
      document.body ? start() : addEventListener("DOMContentLoaded", start)
    }

    postMessage(data) {
      this.waiting.push(data)
    }
  }
}
