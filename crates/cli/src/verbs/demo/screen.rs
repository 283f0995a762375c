//! Showing how far everybody is: bars in a terminal, else a line now and then. And its keys.

use super::campaign::INSTANCES_COUNT;
use crate::failure::Failure;
use crate::output::Output;
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal;
use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::Duration;

const BAR: &str = "{prefix:<12} {wide_bar:.} {human_pos:>10}  {msg}";
const STATE: &str = "{msg}";
/// Parts of the way after which a line is written where there is no terminal.
const LINES_COUNT: u64 = 10;

pub(super) struct Screen<'a, 'o> {
    output: &'a mut Output<'o>,
    emails_total: u64,
    bars: Option<Bars>,
    keys: Option<RawMode>,
    lines_told: u64,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Kill,
    Resume,
    Quit,
}

/// How far everybody is.
pub(super) struct Progress {
    pub(super) sent: [u64; INSTANCES_COUNT],
    pub(super) spooled: u64,
    pub(super) denied: u64,
    pub(super) run_state: String,
}

struct Bars {
    all: MultiProgress,
    instances: Vec<ProgressBar>,
    spool: ProgressBar,
    state: ProgressBar,
}

impl<'a, 'o> Screen<'a, 'o> {
    /// Bars when standard error is a terminal; keys when standard input is one too.
    pub(super) fn open(
        output: &'a mut Output<'o>,
        instances: Vec<String>,
        emails_total: u64,
    ) -> Result<Self, Failure> {
        let shows = std::io::stderr().is_terminal();
        let takes_keys = shows && std::io::stdin().is_terminal();
        if takes_keys {
            output.note("Here: k kills, r resumes, q quits.\n")?;
        }
        let bars = shows.then(|| Bars::new(instances, emails_total)).transpose()?;
        let keys = takes_keys.then(RawMode::begin).transpose()?;
        Ok(Self { output, emails_total, bars, keys, lines_told: 0 })
    }

    /// The key that was pressed since the last time, if it means something here.
    pub(super) fn key(&self) -> Result<Option<Key>, Failure> {
        if self.keys.is_none() {
            return Ok(None);
        }
        let read = || {
            let pressed = event::poll(Duration::ZERO)?;
            pressed.then(event::read).transpose()
        };
        read().map(|event| event.and_then(|event| meaning(&event))).map_err(unreadable)
    }

    /// Tells something that happened.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        match &self.bars {
            Some(bars) => bars.all.println(text).map_err(Failure::Output),
            None => self.output.note(text),
        }
    }

    pub(super) fn draw(&mut self, progress: &Progress) -> Result<(), Failure> {
        if let Some(bars) = &self.bars {
            bars.draw(progress);
            return Ok(());
        }
        let passed = progress.spooled * LINES_COUNT / self.emails_total;
        if passed <= self.lines_told {
            return Ok(());
        }
        self.lines_told = passed;
        let (spooled, all) = (HumanCount(progress.spooled), HumanCount(self.emails_total));
        self.output.note(format_args!("{spooled} of {all} e-mails have gone out"))
    }
}

impl Bars {
    fn new(instances: Vec<String>, emails_total: u64) -> Result<Self, Failure> {
        let style = |template| {
            ProgressStyle::with_template(template)
                .map_err(|error| Failure::local("cannot draw", error, ""))
        };
        let (all, bar_style) = (MultiProgress::new(), style(BAR)?);
        let bar = |length, prefix: String| {
            let bar = ProgressBar::new(length).with_style(bar_style.clone()).with_prefix(prefix);
            all.add(bar)
        };
        let share = emails_total.div_ceil(INSTANCES_COUNT as u64);
        let instances = instances.into_iter().map(|name| bar(share, name)).collect();
        let spool = bar(emails_total, "mail spool".to_owned());
        let state = all.add(ProgressBar::new(1).with_style(style(STATE)?));
        Ok(Self { all, instances, spool, state })
    }

    fn draw(&self, progress: &Progress) {
        for (bar, sent) in self.instances.iter().zip(progress.sent) {
            bar.set_position(sent);
        }
        self.spool.set_position(progress.spooled);
        let denied = HumanCount(progress.denied);
        let state = &progress.run_state;
        self.state.set_message(format!("email-campaign is {state}; {denied} tries denied"));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in self.instances.iter().chain([&self.spool, &self.state]) {
            bar.abandon();
        }
    }
}

/// Keys come at once and unseen. The terminal is as before when this is dropped.
struct RawMode;

impl RawMode {
    fn begin() -> Result<Self, Failure> {
        terminal::enable_raw_mode().map(|()| Self).map_err(unreadable)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nothing is left to be done when even that does not work.
        let _ = terminal::disable_raw_mode();
    }
}

fn meaning(event: &Event) -> Option<Key> {
    let key = event.as_key_event().filter(|key| key.kind == KeyEventKind::Press)?;
    let KeyCode::Char(letter) = key.code else { return None };
    match (letter.to_ascii_lowercase(), key.modifiers.contains(KeyModifiers::CONTROL)) {
        ('k', false) => Some(Key::Kill),
        ('r', false) => Some(Key::Resume),
        ('q', false) | ('c', true) => Some(Key::Quit),
        _ => None,
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::local("cannot read keys from the terminal", error, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyEvent;

    #[test]
    fn keys_mean_what_the_page_says() {
        let pressed = |letter, modifiers| {
            meaning(&Event::Key(KeyEvent::new(KeyCode::Char(letter), modifiers)))
        };
        assert_eq!(pressed('k', KeyModifiers::NONE), Some(Key::Kill));
        assert_eq!(pressed('R', KeyModifiers::SHIFT), Some(Key::Resume));
        assert_eq!(pressed('q', KeyModifiers::NONE), Some(Key::Quit));
        assert_eq!(pressed('c', KeyModifiers::CONTROL), Some(Key::Quit));
        assert_eq!(pressed('k', KeyModifiers::CONTROL), None);
        assert_eq!(pressed('x', KeyModifiers::NONE), None);
    }
}
