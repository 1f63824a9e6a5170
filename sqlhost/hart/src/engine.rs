//! Runs a kernel behind the extension's ABI, or in this process.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use hart_kernels::Pool;
use hart_sqlhost::columns::{ColumnData, Field};
use hart_sqlhost::convert::ParamField;
use hart_sqlhost::local::{Chunk, Extension, HostColumn, find_library};
use hart_sqlhost::session::{ROWS_IN, Session};
use hart_sqlhost::settings::Settings;

/// The declarations that open a session.
pub struct Request {
    /// Kernel name.
    pub script: String,
    /// Input columns.
    pub fields: Vec<Field>,
    /// Parameters.
    pub params: Vec<ParamField>,
}

/// Which engine, and its settings.
#[derive(Clone, Debug, clap::Args)]
pub struct EngineOptions {
    /// Compute in this process, without the external-language library
    #[arg(long)]
    pub in_process: bool,
    /// The external-language library [default: beside this program]
    #[arg(long, value_name = "FILE", env = "HART_LIBRARY", conflicts_with = "in_process")]
    pub library: Option<PathBuf>,
    /// Threads for large inputs [default: all processors]
    #[arg(long, value_name = "N", env = "HART_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl EngineOptions {
    /// The library that the option names, or the one beside this program.
    fn library(&self) -> Result<PathBuf> {
        if let Some(path) = &self.library {
            ensure!(path.is_file(), "--library {}: no such file", path.display());
            return Ok(path.clone());
        }
        let program = std::env::current_exe().context("cannot find the running program")?;
        find_library(program.parent().unwrap_or(Path::new("."))).context(
            "name the external-language library with --library, or compute without it with --in-process",
        )
    }

    fn parameters(&self) -> String {
        self.threads.map(|n| format!("threads={n}")).unwrap_or_default()
    }

    /// The same engine in this process, which returns errors; the library itself writes them to stderr.
    pub fn here(&self) -> EngineOptions {
        EngineOptions { in_process: true, ..self.clone() }
    }

    /// Runs work of the kernels' own library in this process, with these settings.
    pub fn compute<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let settings = Settings::read(&self.parameters(), |name| std::env::var(name).ok())?;
        let pool = Pool::default();
        let out = pool.run(settings.threads, work);
        pool.close();
        out
    }

    /// Opens a session, passes `work` a function that computes chunks, and closes the session.
    pub fn run<T>(
        &self,
        request: Request,
        work: impl FnOnce(&mut dyn FnMut(usize, &[HostColumn]) -> Result<Chunk>) -> Result<T>,
    ) -> Result<T> {
        let Request { script, fields, params } = request;
        let _span = tracing::info_span!("kernel", name = script, in_process = self.in_process).entered();
        if !self.in_process {
            let extension = Extension::load(&self.library()?, &self.parameters())?;
            let mut session = extension.open(&script, fields, params)?;
            let (mut sent, mut received) = (0, 0);
            let out = work(&mut |rows, columns| {
                let chunk = session.execute(rows, columns)?;
                (sent, received) = (sent + rows as i64, received + chunk.rows as i64);
                tracing::debug!(rows, results = chunk.rows, "chunk");
                Ok(chunk)
            })?;
            for ParamField { name, value, .. } in session.output_params()? {
                let expected = if name == ROWS_IN { sent } else { received };
                ensure!(
                    value.as_deref() == Some(&expected.to_le_bytes()[..]),
                    "the extension counted {value:?} as @{name}, this host {expected}"
                );
            }
            return Ok(out);
        }
        let settings = Settings::read(&self.parameters(), |name| std::env::var(name).ok())?;
        let pool = Pool::default();
        let kernel_error = |kernel: &str, fault| anyhow::Error::new(fault).context(kernel.to_string());
        let mut session = Session::new(&script, u16::try_from(fields.len())?, u16::try_from(params.len())?)?;
        let name = session.kernel().name;
        for (number, field) in fields.into_iter().enumerate() {
            session.declare_column(number as u16, field)?;
        }
        for (number, param) in params.into_iter().enumerate() {
            session.declare_param(number as u16, param)?;
        }
        let out = work(&mut |rows, columns| {
            let data: Vec<ColumnData<'_>> = columns
                .iter()
                .map(|c| ColumnData { bytes: &c.bytes, indicators: Some(c.indicators.clone()) })
                .collect();
            session.execute(&settings, &pool, rows, &data).map_err(|fault| kernel_error(name, fault))?;
            let (results, columns) = session.results()?;
            tracing::debug!(rows, results, "chunk");
            let fields = (0..columns.len()).map(|n| session.result_field(n as u16).cloned());
            Ok(Chunk { rows: results, fields: fields.collect::<Result<_, _>>()?, columns: columns.to_vec() })
        })?;
        pool.close();
        Ok(out)
    }
}
