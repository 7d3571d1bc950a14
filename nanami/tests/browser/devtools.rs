//! What a browser tells those who ask it by its debugging pipe: NUL-terminated JSON on its descriptors 3 and 4.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A browser with a page, and the pipe to ask it by.
struct Devtools {
    child: Child,
    asks: File,
    says: BufReader<File>,
    session: Option<String>,
    asked: u64,
}

/// Every node of the accessibility tree of a page, as assistive technology is told it.
pub(crate) fn accessibility_tree(folder: &Path, page: &Path) -> Vec<Value> {
    let mut browser = Devtools::start(folder);
    browser.open(&format!("file://{}", page.display()));
    browser.ask("Accessibility.enable", json!({}));
    let tree = browser.ask("Accessibility.getFullAXTree", json!({}));
    tree["nodes"].as_array().unwrap().clone()
}

/// What a script finds in a page as it is printed on paper so many pixels wide.
pub(crate) fn printed(folder: &Path, page: &Path, width: u32, script: &str) -> Value {
    let mut browser = Devtools::start(folder);
    browser.open(&format!("file://{}", page.display()));
    browser.ask("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    let paper = json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
    browser.ask("Emulation.setDeviceMetricsOverride", paper);
    let found = browser.ask("Runtime.evaluate", json!({ "expression": script, "returnByValue": true }));
    found["result"]["value"].clone()
}

impl Devtools {
    fn start(folder: &Path) -> Self {
        let pipes = ["asks", "says"].map(|name| folder.join(name));
        assert!(Command::new("mkfifo").args(&pipes).status().unwrap().success());
        // The shell opens the pipes as the descriptors that the browser expects; each end waits for the other.
        let script = "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir=piped \
                      --remote-debugging-pipe 3<asks 4>says";
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let asks = fs::OpenOptions::new().write(true).open(&pipes[0]).unwrap();
        let says = BufReader::new(File::open(&pipes[1]).unwrap());
        Self { child, asks, says, session: None, asked: 0 }
    }

    /// Opens a page and waits until it is there.
    fn open(&mut self, address: &str) {
        let target = self.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.ask("Target.attachToTarget", target);
        self.session = session["sessionId"].as_str().map(str::to_owned);
        self.ask("Page.enable", json!({}));
        self.ask("Page.navigate", json!({ "url": address }));
        while self.next()["method"] != "Page.loadEventFired" {}
    }

    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        write!(self.asks, "{message}\0").unwrap();
        loop {
            let answer = self.next();
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    fn next(&mut self) -> Value {
        let mut message = Vec::new();
        self.says.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser ended");
        serde_json::from_slice(&message).unwrap()
    }
}

impl Drop for Devtools {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
