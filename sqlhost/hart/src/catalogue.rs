//! `hart list`, `hart describe` and the generated documentation.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::{docs, tsql};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use hart_kernels::registry::{self, KERNELS};
use hart_sqlhost::session::Fault;

/// Options of `hart list`.
#[derive(Args)]
pub struct ListOptions {
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: ListFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum ListFormat {
    Table,
    Json,
}

/// Options of `hart describe`.
#[derive(Args)]
pub struct DescribeOptions {
    /// Kernel name, as `hart list` shows it
    kernel: String,
}

/// Prints every kernel's name and summary.
pub fn list(options: &ListOptions) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match options.format {
        ListFormat::Table => {
            let width = KERNELS.iter().map(|k| k.name.len()).max().unwrap_or(0);
            for kernel in KERNELS {
                writeln!(out, "{:width$}  {}", kernel.name, kernel.summary)?;
            }
        }
        ListFormat::Json => {
            let all: Vec<_> = KERNELS
                .iter()
                .map(|k| {
                    let names = |columns: &[registry::Column]| -> Vec<String> {
                        columns.iter().map(|c| c.name.to_string()).collect()
                    };
                    serde_json::json!({
                        "name": k.name,
                        "family": k.family.name(),
                        "sql_name": k.sql_name(),
                        "summary": k.summary,
                        "inputs": names(k.inputs),
                        "parameters": k.params.iter().map(|p| p.name).collect::<Vec<_>>(),
                        "outputs": names(k.outputs),
                    })
                })
                .collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        }
    }
    Ok(())
}

/// Prints one kernel's documentation.
pub fn describe(options: &DescribeOptions) -> Result<()> {
    let kernel = registry::find(&options.kernel).map_err(Fault::from)?;
    write!(std::io::stdout().lock(), "{}", docs::kernel(kernel))?;
    Ok(())
}

/// Writes the generated documentation, or compares it with the existing files.
pub fn docs(folder: &Path, check: bool) -> Result<()> {
    let kernels = folder.join("kernels");
    if !check {
        std::fs::create_dir_all(&kernels).with_context(|| format!("cannot make {}", kernels.display()))?;
    }
    let files = docs::files();
    let known: Vec<_> = files.iter().map(|(name, _)| folder.join(name)).collect();
    sweep(&kernels, "md", "docs", &known, check)?;
    files.iter().try_for_each(|(name, text)| keep(&folder.join(name), text, "docs", check))
}

/// Writes the generated T-SQL, or compares it with the existing files.
pub fn sql(folder: &Path, check: bool) -> Result<()> {
    let files = tsql::files();
    let known: Vec<_> = files.iter().map(|(name, _)| folder.join(name)).collect();
    sweep(folder, "sql", "sql", &known, check)?;
    files.iter().try_for_each(|(name, text)| keep(&folder.join(name), text, "sql", check))
}

/// Removes the files of that extension that are no longer generated, or refuses them.
fn sweep(folder: &Path, extension: &str, command: &str, known: &[PathBuf], check: bool) -> Result<()> {
    let found = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in found {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let stale = path.extension().is_some_and(|e| e == extension) && !known.contains(&path);
        if stale && check {
            bail!("{} belongs to no kernel; `cargo run -- {command}` removes it", path.display());
        } else if stale {
            std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Writes a generated file, or compares it with the existing one.
fn keep(path: &Path, text: &str, command: &str, check: bool) -> Result<()> {
    if !check {
        return std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()));
    }
    let found = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    if found != text {
        bail!("{} differs from the registry; `cargo run -- {command}` writes it anew", path.display());
    }
    Ok(())
}
