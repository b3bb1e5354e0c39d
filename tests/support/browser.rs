//! A headless Chromium, driven over pipes with the protocol of its developer tools.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::left_out::left_out;

/// The browser with one page.
pub(crate) struct Browser {
    child: Child,
    /// To the browser, and from it.
    input: File,
    output: BufReader<File>,
    session: String,
    number: u64,
    /// Events so far.
    pub(crate) events: Vec<Value>,
    _directory: TempDir,
}

impl Browser {
    /// Starts Chromium; where it is not installed, reports that and returns `None`.
    pub(crate) fn start() -> Option<Self> {
        let found = Command::new("chromium").arg("--version").output();
        if found.is_err() {
            left_out("the tests in a browser", "chromium");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        assert!(Command::new("mkfifo").args([path("in"), path("out")]).status().unwrap().success());
        let script = "exec chromium --headless --no-sandbox --disable-gpu --remote-debugging-pipe \
                      --user-data-dir=profile about:blank 3<in 4>out";
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(directory.path()).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let input = File::options().write(true).open(path("in")).unwrap();
        let output = BufReader::new(File::open(path("out")).unwrap());
        let (session, events) = (String::new(), Vec::new());
        let mut browser = Self { child, input, output, session, number: 0, events, _directory: directory };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &attach);
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Calls a method and returns its result. Events until then are kept.
    pub(crate) fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        self.input.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.receive();
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    fn receive(&mut self) -> Value {
        let mut message = Vec::new();
        self.output.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser ended");
        serde_json::from_slice(&message).unwrap()
    }

    /// Opens a file and waits until it is loaded.
    pub(crate) fn open(&mut self, file: &Path) {
        self.events.clear();
        self.call("Page.navigate", &json!({"url": format!("file://{}", file.display())}));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.receive();
            self.events.push(event);
        }
    }

    /// The value of an expression in the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let result = self.call("Runtime.evaluate", &json!({"expression": expression, "returnByValue": true}));
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Sets the width, the colour scheme, and whether scripts run.
    pub(crate) fn emulate(&mut self, width: u32, scheme: &str, has_script: bool) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"features": features}));
        self.call("Emulation.setScriptExecutionDisabled", &json!({"value": !has_script}));
    }

    /// Saves a picture of the whole page if `SCREENSHOTS` names a directory.
    pub(crate) fn picture(&mut self, name: &str) {
        use base64::Engine;
        let Some(directory) = std::env::var_os("SCREENSHOTS") else { return };
        let picture = self.call("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        let picture = base64::prelude::BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        fs::write(Path::new(&directory).join(format!("{name}.png")), picture).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
