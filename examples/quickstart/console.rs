//! What the quickstart prints: text for people, or one JSON object.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::{Map, Value, json};

/// What a step measured, by name.
pub(crate) type Figures = Map<String, Value>;

/// Prints, and remembers the steps.
#[derive(Clone)]
pub(crate) struct Console {
    json: bool,
    colour: bool,
    steps: Arc<Mutex<Vec<Value>>>,
}

/// A step that did not hold.
pub(crate) struct Failed {
    name: &'static str,
    error: anyhow::Error,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        let colour = !json && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colour, steps: Arc::default() }
    }

    /// Prints text for people.
    pub(crate) fn say(&self, text: impl std::fmt::Display) {
        if !self.json {
            // A reader that went away ends nothing: the checks go on.
            let _ = writeln!(std::io::stdout(), "{text}");
        }
    }

    /// Shows how far something is, on standard error, over itself on a terminal.
    pub(crate) fn progress(&self, text: &str) {
        if !self.json && std::io::stderr().is_terminal() {
            eprint!("\r\x1b[2K  {text}");
        }
    }

    pub(crate) fn progress_over(&self) {
        if !self.json && std::io::stderr().is_terminal() {
            eprint!("\r\x1b[2K");
        }
    }

    /// Runs a step, and says how it went.
    pub(crate) async fn step(
        &self,
        name: &'static str,
        step: impl Future<Output = anyhow::Result<Figures>>,
    ) -> Result<(), Failed> {
        self.say(format_args!("\n{}", self.bold(&format!("[{name}]"))));
        let started = Instant::now();
        let result = step.await;
        let seconds = started.elapsed().as_secs_f64();
        let (ok, mut figures) = match &result {
            Ok(figures) => (true, figures.clone()),
            Err(error) => (false, Map::from_iter([("error".to_owned(), json!(format!("{error:#}")))])),
        };
        figures.insert("seconds".to_owned(), json!((seconds * 1000.0).round() / 1000.0));
        self.lock().push(json!({ "name": name, "ok": ok, "figures": figures }));
        match result {
            Ok(_) => self.say(format_args!("{} {name}, {seconds:.1} s", self.green("ok"))),
            Err(error) => return Err(Failed { name, error }),
        }
        Ok(())
    }

    /// The last words.
    pub(crate) fn finish(&self, failed: Option<&Failed>) {
        if self.json {
            let _ = writeln!(std::io::stdout(), "{}", json!({ "steps": *self.lock() }));
        }
        match failed {
            Some(Failed { name, error }) => eprintln!("quickstart: step {name} failed: {error:#}"),
            None => self.say(format_args!("\n{} {} steps held.", self.green("ok"), self.lock().len())),
        }
    }

    fn bold(&self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn green(&self, text: &str) -> String {
        if self.colour { format!("\x1b[32m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Figures from pairs.
pub(crate) fn figures<const N: usize>(pairs: [(&str, Value); N]) -> Figures {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
