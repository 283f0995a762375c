//! The table of results.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::machine;

/// What was measured, row by row.
#[derive(Default)]
pub struct Results {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    measured: String,
    target: String,
    met: Option<bool>,
}

impl Results {
    /// A figure that is shown and not judged.
    pub fn note(&mut self, what: &str, measured: String) {
        self.push(Row { what: what.into(), measured, target: String::new(), met: None });
    }

    /// A figure that must not be above `most`.
    pub fn at_most(&mut self, what: &str, measured: f64, most: f64, unit: &str) {
        self.push(Row {
            what: what.into(),
            measured: shown(measured, unit),
            target: format!("≤ {}", shown(most, unit)),
            met: Some(measured <= most),
        });
    }

    /// A figure that must not be below `least`.
    pub fn at_least(&mut self, what: &str, measured: f64, least: f64, unit: &str) {
        self.push(Row {
            what: what.into(),
            measured: shown(measured, unit),
            target: format!("≥ {}", shown(least, unit)),
            met: Some(measured >= least),
        });
    }

    fn push(&mut self, row: Row) {
        let Row { what, measured, target, met } = &row;
        let verdict = met.map_or("", |met| if met { "met" } else { "MISSED" });
        eprintln!("  {what}: {measured}  {target} {verdict}");
        self.rows.push(row);
    }

    /// Writes the table.
    pub fn write(&self) -> anyhow::Result<()> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        let mut text = String::from("# Results of the benchmarks\n\n");
        writeln!(text, "Written by `make bench`; what each row means stands in `bench/src`.\n")?;
        writeln!(
            text,
            "* Command: `cargo run --release --locked --manifest-path bench/Cargo.toml`"
        )?;
        writeln!(text, "* Date: {}", machine::today())?;
        writeln!(text, "* Machine: {}", machine::describe())?;
        writeln!(
            text,
            "* The gateway, what it is compared with and the clients share this machine; the \
             clients' share of it is part of every rate. `make bench` fails when a target is missed.\n"
        )?;
        writeln!(text, "| what | measured | target | |\n|---|---:|---:|---|")?;
        for Row { what, measured, target, met } in &self.rows {
            let verdict = met.map_or("", |met| if met { "met" } else { "**missed**" });
            writeln!(text, "| {what} | {measured} | {target} | {verdict} |")?;
        }
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("written: {}", path.display());
        Ok(())
    }

    /// Fails when a target was missed.
    pub fn verdict(&self) -> anyhow::Result<()> {
        let missed: Vec<&str> = self
            .rows
            .iter()
            .filter(|row| row.met == Some(false))
            .map(|row| row.what.as_str())
            .collect();
        anyhow::ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
        Ok(())
    }
}

/// The middle one of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The figure that a part of all figures does not pass; 0.99 of 300 is the fourth largest.
pub fn quantile(figures: &[f64], part: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

fn shown(figure: f64, unit: &str) -> String {
    let digits = if figure >= 100.0 {
        0
    } else if figure >= 10.0 {
        1
    } else {
        2
    };
    format!("{figure:.digits$} {unit}").trim_end().to_owned()
}
