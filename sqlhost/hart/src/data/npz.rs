//! NumPy's .npz files: a zip archive of .npy files, read as the columns of one table.

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};

use super::draft::Kept;
use super::npy;
use super::source::{Batches, Source};

/// Reads the arrays as columns with their names; all must have one value per row. An archive with one array reads like
/// that array alone.
pub(super) fn start(file: &File, wanted: Option<Vec<usize>>) -> Result<Source> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    let mut archive = zip::ZipArchive::new(file).context("the archive is damaged")?;
    let mut members = Vec::new();
    for number in 0..archive.len() {
        let mut member = archive.by_index(number).context("the archive is damaged")?;
        let name = member.name().context("an array's name is no text")?.into_owned();
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else {
            bail!("expected arrays (.npy), found {name}");
        };
        let about = || format!("array {name}");
        // Arrays are read in parallel steps, which an archive does not allow.
        let (kept, mut plain) = Kept::file(&std::env::temp_dir().join("hart-npz"), true)?;
        let size = member.size();
        let length = std::io::copy(&mut member.by_ref().take(size), &mut plain).with_context(about)?;
        plain.rewind()?;
        let mut magic = [0; 6];
        plain.read_exact(&mut magic).with_context(about)?;
        ensure!(magic == npy::MAGIC, "{}: expected a NumPy .npy file", about());
        plain.rewind()?;
        let source = npy::start(plain, length, None).with_context(about)?;
        members.push((name, source, kept));
    }
    ensure!(!members.is_empty(), "the archive has no array");
    if members.len() == 1 {
        let (_, mut source, kept) = members.remove(0);
        let wanted = wanted.unwrap_or_else(|| (0..source.schema.fields().len()).collect());
        let batches = std::mem::replace(&mut source.batches, Box::new(std::iter::empty()));
        source.batches = Box::new(batches.map(move |batch| {
            let _held = &kept;
            batch?.project(&wanted)
        }));
        return Ok(source);
    }
    let rows = members[0].1.rows;
    let shapes = || -> String {
        members
            .iter()
            .map(|(name, s, _)| format!("{name} {}", s.rows.unwrap_or(0)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    ensure!(
        members.iter().all(|(_, source, _)| source.rows == rows),
        "the arrays differ in their rows, so that they are no columns of one table: {}; save the one that is meant as .npy",
        shapes()
    );
    // For an array of vectors the column of row numbers is left out.
    let last = |source: &Source| source.schema.fields().len() - 1;
    let named = |(name, source, _): &(String, Source, Kept)| {
        let field = source.schema.field(last(source));
        Field::new(name, field.data_type().clone(), field.is_nullable())
    };
    let schema: SchemaRef = Arc::new(Schema::new(members.iter().map(named).collect::<Vec<_>>()));
    let wanted = wanted.unwrap_or_else(|| (0..members.len()).collect());
    let projected: SchemaRef = Arc::new(schema.project(&wanted)?);
    let mut columns: Vec<(Batches, usize, RecordBatch, Kept)> = Vec::new();
    for (number, (_, source, kept)) in members.into_iter().enumerate() {
        if wanted.contains(&number) {
            let (last, empty) = (last(&source), RecordBatch::new_empty(source.schema.clone()));
            columns.push((source.batches, last, empty, kept));
        }
    }
    // The arrays' own batches differ in size, so each continues from its own position.
    let batches = std::iter::from_fn(move || {
        for (batches, _, held, _) in &mut columns {
            if held.num_rows() == 0 {
                match batches.next()? {
                    Ok(batch) => *held = batch,
                    Err(error) => return Some(Err(error)),
                }
            }
        }
        let rows = columns.iter().map(|(_, _, held, _)| held.num_rows()).min()?;
        let mut arrays = Vec::with_capacity(columns.len());
        for (_, last, held, _) in &mut columns {
            arrays.push(held.column(*last).slice(0, rows));
            *held = held.slice(rows, held.num_rows() - rows);
        }
        Some(RecordBatch::try_new(projected.clone(), arrays))
    });
    let batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send> = Box::new(batches);
    Ok(Source { typed: schema.clone(), schema, rows, batches })
}
