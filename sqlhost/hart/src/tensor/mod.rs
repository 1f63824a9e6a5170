//! `hart tensor`: converts model files to atoms and coefficients and back.

mod atomize;
mod compare;
mod folder;
mod inspect;
mod picture;
mod source;
mod synthesize;
mod tables;

use std::path::Path;
use std::sync::Arc;

use crate::model::{Model, Shown};
use anyhow::{Context, Result, bail};
use arrow_array::builder::{ListBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use clap::{Args, Subcommand};
use hart_kernels::Error;
use hart_kernels::Pool;
use hart_kernels::registry::nearest;
use hart_sqlhost::settings::Settings;

use crate::data::{self, Style};

/// What to do with a model.
#[derive(Subcommand)]
pub enum Command {
    /// List the tensors of a model file
    Inspect(inspect::InspectOptions),
    /// Factor the tensors of a model file into atoms and coefficients
    Atomize(atomize::AtomizeOptions),
    /// Rebuild layers from atoms and coefficients
    Synthesize(synthesize::SynthesizeOptions),
    /// Compare two models, tensor by tensor
    Compare(compare::CompareOptions),
}

/// How many threads compute.
#[derive(Args)]
struct Threads {
    /// Threads for large tensors [default: all processors]
    #[arg(long, value_name = "N", env = "HART_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl Threads {
    fn settings(&self) -> Result<Settings> {
        let parameters = self.threads.map(|n| format!("threads={n}")).unwrap_or_default();
        Ok(Settings::read(&parameters, |name| std::env::var(name).ok())?)
    }

    /// Bytes of memory that a tensor may take.
    fn limit(&self) -> Result<Option<u64>> {
        Ok(Some(self.settings()?.memory_limit()))
    }

    /// Runs `work` with that number of threads for the kernels.
    fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let pool = Pool::default();
        let out = pool.run(self.settings()?.threads, work);
        pool.close();
        out
    }
}

/// Runs one of the commands.
pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Inspect(options) => inspect::run(&options),
        Command::Atomize(options) => atomize::run(&options),
        Command::Synthesize(options) => synthesize::run(&options),
        Command::Compare(options) => compare::run(&options),
    }
}

fn open(path: &Path) -> Result<Model> {
    Model::open(path).with_context(|| path.display().to_string())
}

/// The index of that name in the list.
fn position<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Result<usize> {
    if let Some(found) = names.clone().position(|other| other == name) {
        return Ok(found);
    }
    let near: Vec<String> = nearest(name, names).iter().map(|other| format!("`{}`", Shown(other))).collect();
    let name = Shown(name);
    match near.is_empty() {
        true => bail!("no {what} is named `{name}`"),
        false => bail!("no {what} is named `{name}`; did you mean {}?", near.join(" or ")),
    }
}

/// The first NaN or infinity: its value, and its row and column, from 1, in a matrix with that many columns.
fn not_finite(elements: &[f32], columns: usize) -> Option<(f32, usize, usize)> {
    let at = elements.iter().position(|v| !v.is_finite())?;
    Some((elements[at], at / columns + 1, at % columns + 1))
}

/// Prints a table of results from named columns.
fn print(style: Style, columns: Vec<(&str, ArrayRef)>) -> Result<()> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch =
        RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, column)| column).collect())?;
    data::print(style, &schema, [Ok(batch)])?;
    Ok(())
}

/// A column of shapes.
fn shapes<'a>(shapes: impl Iterator<Item = &'a [usize]>) -> ArrayRef {
    let mut column = ListBuilder::new(UInt64Builder::new());
    for shape in shapes {
        column.append_value(shape.iter().map(|n| Some(*n as u64)));
    }
    Arc::new(column.finish())
}

/// Checks that there is memory for a tensor's elements and `beside` more bytes: within the limit, if there is one, and
/// of the system, which would kill this process later on.
pub fn available(what: &str, elements: usize, beside: u64, limit: Option<u64>) -> Result<(), Error> {
    let bytes = (elements as u64).saturating_mul(4).saturating_add(beside);
    let refused = |limit| Error::Memory { what: what.into(), bytes, limit };
    if let Some(limit) = limit.filter(|limit| bytes > *limit) {
        return Err(refused(limit));
    }
    // Plus a margin for everything else that this command does, and for fragmentation.
    let wanted = usize::try_from(bytes.saturating_add(bytes / 8).saturating_add(64 << 20));
    let wanted = wanted.map_err(|_| refused(Error::REFUSED))?;
    Vec::<u8>::new().try_reserve_exact(wanted).map_err(|_| refused(Error::REFUSED))
}
