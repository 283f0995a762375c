//! The one place that writes: text and tables for people, the gateway's JSON for programs.
//!
//! Names, reasons and metadata come from agents. Control characters in them are shown instead
//! of obeyed, so that no agent can move the cursor of the operator who looks at it.

use crate::failure::Failure;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;
use std::fmt::Display;
use std::io::Write;

pub(crate) struct Output<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    json: bool,
}

impl<'a> Output<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, err: &'a mut dyn Write, json: bool) -> Self {
        Self { out, err, json }
    }

    /// Prints an answer: as it came with `--json`, else as the closure words it.
    pub(crate) fn answer(
        &mut self,
        answer: &Value,
        for_people: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !self.json {
            return for_people(self);
        }
        let text = serde_json::to_string_pretty(answer).unwrap_or_default();
        writeln!(self.out, "{text}").map_err(Failure::Output)
    }

    /// One line (or several) of text.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        writeln!(self.out, "{}", shown(&text.to_string())).map_err(Failure::Output)
    }

    /// A table with a heading, or `none` alone when there are no rows.
    pub(crate) fn table(
        &mut self,
        heading: &[&str],
        rows: Vec<Vec<String>>,
        none: &str,
    ) -> Result<(), Failure> {
        if rows.is_empty() {
            return self.line(none);
        }
        let mut table = Table::new();
        // Rows are never wrapped: a wrapped address cannot be copied.
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(heading.iter().copied());
        for row in rows {
            table.add_row(row.iter().map(|cell| shown(&cell.replace('\n', " "))));
        }
        for line in table.lines() {
            writeln!(self.out, "{}", line.trim()).map_err(Failure::Output)?;
        }
        Ok(())
    }

    /// A remark beside the answer, on standard error.
    pub(crate) fn note(&mut self, text: impl Display) -> Result<(), Failure> {
        writeln!(self.err, "{}", shown(&text.to_string())).map_err(Failure::Output)
    }

    /// A question, with the cursor left behind it.
    pub(crate) fn ask(&mut self, text: impl Display) -> Result<(), Failure> {
        write!(self.err, "{}", shown(&text.to_string()))
            .and_then(|()| self.err.flush())
            .map_err(Failure::Output)
    }

    /// Tells why a command failed. Nothing is left to be done when even that cannot be written.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        if let Failure::Output(source) = failure
            && source.kind() == std::io::ErrorKind::BrokenPipe
        {
            return;
        }
        let _ = writeln!(self.err, "{}", shown(&failure.to_string()));
        if let Some(body) = failure.body().filter(|_| self.json) {
            let text = serde_json::to_string_pretty(body).unwrap_or_default();
            let _ = writeln!(self.out, "{text}");
        }
    }
}

/// The text with control characters made visible; line ends stay.
fn shown(text: &str) -> String {
    let visible = |c: char| match c {
        '\n' => '\n',
        c if c.is_control() || is_direction_mark(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(visible).collect()
}

/// Marks that reorder what follows, with which one name can be made to look like another.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(json: bool, write: impl FnOnce(&mut Output<'_>)) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        write(&mut Output::new(&mut out, &mut err, json));
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn tables_line_up_and_say_when_they_are_empty() {
        let (out, _) = written(false, |output| {
            let rows = vec![vec!["a".into(), "1".into()], vec!["longer".into(), "22".into()]];
            output.table(&["NAME", "N"], rows, "none").unwrap();
            output.table(&["NAME"], Vec::new(), "No agents yet.").unwrap();
        });
        assert_eq!(out, "NAME    N\na       1\nlonger  22\nNo agents yet.\n");
    }

    #[test]
    fn escape_sequences_of_agents_are_shown_not_obeyed() {
        let (out, _) = written(false, |output| {
            output.line("x\u{1b}[2Jy\u{202e}z").unwrap();
            output.table(&["N"], vec![vec!["a\nb\r\u{1b}]0;t\u{7}".into()]], "").unwrap();
        });
        assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}') && !out.contains('\r'));
        assert_eq!(out.lines().count(), 3, "{out:?}");
    }

    #[test]
    fn json_replaces_the_words() {
        let (out, _) = written(true, |output| {
            output.answer(&json!({"ok": true}), |output| output.line("words")).unwrap();
        });
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), json!({"ok": true}));
    }
}
