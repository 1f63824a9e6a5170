//! `hart tensor synthesize`: layers from their atoms and coefficients.

use std::io::Write;
use std::path::PathBuf;

use crate::model::safetensors::METADATA;
use crate::model::{Shown, elements};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Map, Value, json};

use super::Threads;
use super::folder::{Folder, Layer};
use crate::data;

/// Options of `hart tensor synthesize`.
#[derive(Args)]
pub struct SynthesizeOptions {
    /// Folder of the Parquet files that `hart tensor atomize` has written, or that were exported from its tables
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Only this layer; may be repeated [default: all]
    #[arg(long, value_name = "NAME")]
    layer: Vec<String>,
    /// Safetensors file, of singles
    #[arg(long, value_name = "FILE.safetensors")]
    output: PathBuf,
    #[command(flatten)]
    threads: Threads,
}

/// Rebuilds the layers one after the other.
pub fn run(options: &SynthesizeOptions) -> Result<()> {
    let extension = options.output.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    ensure!(
        extension.as_deref() == Some("safetensors"),
        "--output {}: expected a name that ends with .safetensors",
        options.output.display()
    );
    data::check(&options.output, "--output")?;
    let folder = Folder::open(&options.folder, options.threads.limit()?)?;
    let mut chosen: Vec<&Layer> = folder.layers().iter().collect();
    if !options.layer.is_empty() {
        for name in &options.layer {
            super::position("layer", name, folder.layers().iter().map(|l| l.name.as_str()))
                .with_context(|| options.folder.display().to_string())?;
        }
        chosen.retain(|layer| options.layer.contains(&layer.name));
    }
    for layer in &chosen {
        ensure!(layer.name != METADATA, "a tensor of a safetensors file cannot have the name {METADATA}");
        // Checked before the first layer is rebuilt.
        folder.check(layer)?;
    }
    options.threads.run(|| write(&folder, &chosen, options))
}

fn write(folder: &Folder, layers: &[&Layer], options: &SynthesizeOptions) -> Result<()> {
    let cannot = || format!("cannot write {}", options.output.display());
    let size = |layer: &&Layer| elements(&layer.shape).unwrap_or(0);
    let bar = crate::progress::of_elements(layers.iter().map(size).sum());
    data::whole(&options.output, |file| {
        file.write_all(&header(layers)).with_context(cannot)?;
        for layer in layers {
            bar.set_message(Shown(&layer.name).to_string());
            let values = folder.load(layer)?;
            for part in values.chunks(1 << 16) {
                let bytes: Vec<u8> = part.iter().flat_map(|v| v.to_le_bytes()).collect();
                file.write_all(&bytes).with_context(cannot)?;
            }
            bar.inc(values.len() as u64);
        }
        bar.finish_and_clear();
        Ok(())
    })
}

/// The header before the elements of these layers: see [`crate::model::safetensors`].
fn header(layers: &[&Layer]) -> Vec<u8> {
    let mut entries = Map::new();
    let mut start = 0usize;
    for layer in layers {
        // Checked when the folder was opened.
        let end = start + elements(&layer.shape).unwrap_or(0) * 4;
        entries.insert(
            layer.name.clone(),
            json!({ "dtype": "F32", "shape": layer.shape, "data_offsets": [start, end] }),
        );
        start = end;
    }
    let mut text = Value::Object(entries).to_string();
    // Padded with blanks, so that the elements start at a multiple of eight.
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}
