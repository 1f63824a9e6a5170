//! Prints the tables of benches/README.md from what Criterion measured, so that no number is typed by hand.
//!
//! `cargo run -p hart-benches --bin report -- benches/README.md` puts them between the file's two markers instead, and draws
//! `codes.svg` beside it where the bench `codes` was run.

mod picture;
mod targets;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use hart_kernels::Level;
use serde_json::Value;
use targets::Target;

/// One contestant on one input.
struct Measured {
    group: String,
    who: String,
    input: String,
    nanoseconds: f64,
    bytes: Option<f64>,
    elements: Option<f64>,
}

impl Measured {
    /// Nanoseconds, of one element where contestants had different numbers of them.
    fn cost(&self) -> f64 {
        self.nanoseconds / self.elements.unwrap_or(1.0)
    }

    /// The time and what it says of the rate.
    fn show(&self) -> String {
        let time = duration(self.nanoseconds);
        match (self.bytes, self.elements) {
            (Some(bytes), _) => format!("{time}, {:.2} GB/s", bytes / self.nanoseconds),
            (_, Some(elements)) => format!("{time}, {:.3} G/s", elements / self.nanoseconds),
            _ => time,
        }
    }
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = target.join("criterion");
    let mut all = Vec::new();
    collect(&folder, &mut all).map_err(|e| format!("{}: {e}; run `cargo bench` first", folder.display()))?;
    let text = report(&all)?;
    match env::args().nth(1) {
        None => print!("{text}"),
        Some(path) => {
            const BEGIN: &str = "<!-- report: begin -->\n";
            const END: &str = "<!-- report: end -->";
            let page = fs::read_to_string(&path)?;
            let parts = page.split_once(BEGIN).and_then(|(a, b)| Some((a, b.split_once(END)?.1)));
            let (before, after) =
                parts.ok_or_else(|| format!("{path}: expected the markers {BEGIN}{END}"))?;
            fs::write(&path, format!("{before}{BEGIN}\n{text}\n{END}{after}"))?;
            picture::codes(&all, &Path::new(&path).with_file_name("codes.svg"))?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

/// Reads every `new/estimates.json` below the folder.
fn collect(folder: &Path, out: &mut Vec<Measured>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let (estimates, benchmark) = (path.join("estimates.json"), path.join("benchmark.json"));
        if !path.ends_with("new") {
            collect(&path, out)?;
        } else if estimates.exists() {
            let (estimates, benchmark) = (read(&estimates)?, read(&benchmark)?);
            let word = |key: &str| benchmark[key].as_str().unwrap_or_default().to_string();
            out.push(Measured {
                group: word("group_id"),
                who: word("function_id"),
                input: word("value_str"),
                nanoseconds: estimates["median"]["point_estimate"].as_f64().ok_or("no median")?,
                bytes: benchmark["throughput"]["Bytes"].as_f64(),
                elements: benchmark["throughput"]["Elements"].as_f64(),
            });
        }
    }
    Ok(())
}

fn report(all: &[Measured]) -> Result<String> {
    let mut out = String::new();
    if let Some(cpu) = cpu() {
        writeln!(out, "Processor: {cpu}; fastest level: {}.\n", Level::current().name())?;
    }
    writeln!(out, "### Targets\n\n| target | wanted | measured | |\n|---|---|---|---|")?;
    for target in targets::all(all) {
        let (sign, reached) = match target.at_most {
            true => ('≤', target.measured <= target.wanted),
            false => ('≥', target.measured >= target.wanted),
        };
        let verdict = if reached { "reached" } else { "missed" };
        let Target { text, wanted, measured, .. } = target;
        writeln!(out, "| {text} | {sign} {wanted:.2} | {measured:.2} | {verdict} |")?;
    }
    let mut groups: BTreeMap<&str, Vec<&Measured>> = BTreeMap::new();
    for one in all {
        groups.entry(&one.group).or_default().push(one);
    }
    for (name, group) in groups {
        table(&mut out, name, &group)?;
    }
    Ok(out)
}

/// A table of one group: a row for each contestant, a column for each input.
fn table(out: &mut String, name: &str, group: &[&Measured]) -> Result<()> {
    let find = |who: &str, input: &str| group.iter().find(|m| m.who == who && m.input == input);
    let mut inputs: Vec<&str> = group.iter().map(|m| m.input.as_str()).collect();
    // By the leading number, then the rest.
    inputs.sort_by_key(|i| (i.split([',', ' ']).next().and_then(|n| n.parse::<u64>().ok()), *i));
    inputs.dedup();
    let mut who: Vec<&str> = group.iter().map(|m| m.who.as_str()).collect();
    who.sort_by_key(|w| (!w.starts_with("hart"), w.starts_with("limit"), *w));
    who.dedup();
    writeln!(out, "\n### {name}\n\n| | {} |\n|---|{}", inputs.join(" | "), "---|".repeat(inputs.len()))?;
    for who in who {
        write!(out, "| {who} |")?;
        for input in &inputs {
            match (find(who, input), find("hart", input)) {
                (Some(one), Some(hart)) => {
                    write!(out, " {} ({:.2}) |", one.show(), one.cost() / hart.cost())?;
                }
                (Some(one), None) => write!(out, " {} |", one.show())?,
                _ => write!(out, " – |")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn duration(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}

/// The processor's name, where the system tells it.
fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}
