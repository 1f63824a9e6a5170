//! A folder of the tables that `tables` writes, read layer by layer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float32Type, Int64Type};
use hart_sqlhost::model::matrix;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use serde::Deserialize;

use super::rebuild::rebuild;
use super::tables::{ATOMS, COEFFICIENTS, LAYERS, PAYLOADS, Role};
use crate::data;

/// Payload bytes that are read at a time, as far as rows are not larger.
const READ_BYTES: usize = 8 << 20;

/// A layer, and what it is made of.
pub struct Layer {
    pub name: String,
    pub shape: Vec<usize>,
    id: i64,
    index: i64,
    /// Components that it was written with.
    components: usize,
    parts: Vec<Part>,
}

/// An atom's place in a layer.
struct Part {
    role: Role,
    component: usize,
    coefficient: f32,
    atom: i64,
}

/// An open folder.
pub struct Folder {
    path: PathBuf,
    layers: Vec<Layer>,
    /// For each atom the row of its payload, from 0.
    payloads: HashMap<i64, usize>,
}

/// What `ModelLayers.Parameters` must say.
#[derive(Deserialize)]
struct Parameters {
    components: usize,
}

/// What `TensorAtoms.Metadata` must say.
#[derive(Deserialize)]
struct Metadata {
    component: usize,
}

impl Folder {
    /// Reads everything but the payloads.
    pub fn open(path: &Path) -> Result<Folder> {
        let mut layers = layers(path)?;
        let components = components(path)?;
        let numbers: HashMap<i64, usize> =
            layers.iter().enumerate().map(|(n, layer)| (layer.id, n)).collect();
        let table = Columns::read(
            path,
            COEFFICIENTS,
            &["TensorAtomId", "ParentLayerId", "TensorRole", "Coefficient"],
        )?;
        for row in 0..table.rows() {
            let (atom, layer, role) = (table.integer(0, row)?, table.integer(1, row)?, table.text(2, row)?);
            let role = Role::ALL.into_iter().find(|known| known.name() == role).with_context(|| {
                let known = Role::ALL.map(Role::name).join(", ");
                format!("{}: `{role}`; expected one of {known}", table.place(2, row))
            })?;
            let component = *components
                .get(&atom)
                .with_context(|| format!("{}: {atom}; expected an atom of {ATOMS}", table.place(0, row)))?;
            let layer = *numbers
                .get(&layer)
                .with_context(|| format!("{}: {layer}; expected a layer of {LAYERS}", table.place(1, row)))?;
            let coefficient = table.real(3, row)?;
            layers[layer].parts.push(Part { role, component, coefficient, atom });
        }
        let table = Columns::read(path, PAYLOADS, &["TensorAtomId"])?;
        let mut payloads = HashMap::new();
        for row in 0..table.rows() {
            insert_new(&mut payloads, &table, row, row)?;
        }
        layers.sort_by_key(|layer| (layer.index, layer.id));
        Ok(Folder { path: path.to_owned(), layers, payloads })
    }

    /// Its layers, in the order of their index.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// That the layer's components are there, each once, with their payloads.
    pub fn check(&self, layer: &Layer) -> Result<()> {
        let check = || -> Result<()> {
            let mut found = HashMap::new();
            for part in &layer.parts {
                let Part { role, component, atom, .. } = part;
                ensure!(
                    part.coefficient.is_finite(),
                    "atom {atom} has the coefficient {}; expected a finite number",
                    part.coefficient
                );
                if let Some(other) = found.insert((*role, *component), *atom) {
                    bail!("atoms {other} and {atom} are both component {component} in role {}", role.name());
                }
                ensure!(self.payloads.contains_key(atom), "atom {atom} has no payload in {PAYLOADS}");
            }
            let whole = found.contains_key(&(Role::Whole, 0));
            let roles = if whole { &[Role::Whole][..] } else { &[Role::Left, Role::Right][..] };
            for component in 0..layer.components {
                for role in roles {
                    ensure!(
                        found.remove(&(*role, component)).is_some(),
                        "component {component} has no atom in role {}; the layer was written with {} components",
                        role.name(),
                        layer.components
                    );
                }
            }
            if let Some(((role, component), atom)) = found.into_iter().min_by_key(|(_, atom)| *atom) {
                bail!(
                    "atom {atom} is component {component} in role {}; the layer was written with {} components",
                    role.name(),
                    layer.components
                );
            }
            Ok(())
        };
        check().with_context(|| self.about(layer))
    }

    /// Rebuilds a layer from its atoms.
    pub fn load(&self, layer: &Layer) -> Result<Vec<f32>> {
        self.check(layer)?;
        let load = || -> Result<Vec<f32>> {
            let (rows, columns) = matrix(&layer.shape);
            let mut vectors = self.payloads(layer)?;
            if layer.parts.iter().any(|part| part.role == Role::Whole) {
                let mut elements = vectors.pop().unwrap_or_default();
                let coefficient = layer.parts[0].coefficient;
                elements.iter_mut().for_each(|v| *v *= coefficient);
                return Ok(elements);
            }
            // Left and right vectors of a component have the same place in these lists.
            let mut order: Vec<usize> = (0..layer.parts.len()).collect();
            order.sort_by_key(|n| layer.parts[*n].component);
            let of = |role: Role| order.iter().copied().filter(move |n| layer.parts[*n].role == role);
            let components: Vec<_> = of(Role::Left)
                .zip(of(Role::Right))
                .map(|(u, v)| {
                    let coefficient =
                        f64::from(layer.parts[u].coefficient) * f64::from(layer.parts[v].coefficient);
                    (coefficient, &vectors[u][..], &vectors[v][..])
                })
                .collect();
            let mut out: Vec<f32> = Vec::new();
            out.try_reserve_exact(rows * columns)
                .map_err(|_| anyhow!("{rows} × {columns} elements do not fit in memory"))?;
            out.resize(rows * columns, 0.0);
            rebuild(&components, columns, &mut out);
            Ok(out)
        };
        load().with_context(|| self.about(layer))
    }

    fn about(&self, layer: &Layer) -> String {
        format!("{}: layer {}", self.path.display(), layer.name)
    }

    /// The payload of each of the layer's parts.
    fn payloads(&self, layer: &Layer) -> Result<Vec<Vec<f32>>> {
        let (rows, columns) = matrix(&layer.shape);
        let length = |role| match role {
            Role::Left => rows,
            Role::Right => columns,
            Role::Whole => rows * columns,
        };
        // Payloads come in the order of the file.
        let mut wanted: Vec<(usize, usize)> =
            layer.parts.iter().enumerate().map(|(n, part)| (self.payloads[&part.atom], n)).collect();
        wanted.sort_unstable();
        let largest = layer.parts.iter().map(|part| length(part.role)).max().unwrap_or(0);
        let mut out = vec![Vec::new(); layer.parts.len()];
        let mut taken = wanted.iter();
        for batch in self.payload_rows(&wanted, (READ_BYTES / 4 / largest.max(1)).max(1))? {
            let batch = batch?;
            let ids = cast(batch.column(0), &DataType::Int64)?;
            let payloads = cast(batch.column(1), &DataType::LargeBinary)?;
            let (ids, payloads) = (ids.as_primitive::<Int64Type>(), payloads.as_binary::<i64>());
            for row in 0..batch.num_rows() {
                let (_, n) = *taken.next().context("more payloads than were asked for")?;
                let Part { role, component, atom, .. } = layer.parts[n];
                ensure!(
                    ids.is_valid(row) && ids.value(row) == atom,
                    "{PAYLOADS} has changed while it was read"
                );
                let bytes = if payloads.is_valid(row) { payloads.value(row) } else { &[] };
                ensure!(
                    bytes.len() % 4 == 0 && bytes.len() / 4 == length(role),
                    "the payload of atom {atom}, component {component} in role {}, has {} bytes; expected {} ({} singles)",
                    role.name(),
                    bytes.len(),
                    length(role) * 4,
                    length(role)
                );
                let singles = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                out[n] = singles.collect();
                if let Some(at) = out[n].iter().position(|v| !v.is_finite()) {
                    bail!(
                        "the payload of atom {atom}, component {component} in role {}, has {} at element {}; expected \
                         a finite number",
                        role.name(),
                        out[n][at],
                        at + 1
                    );
                }
            }
        }
        ensure!(taken.next().is_none(), "{PAYLOADS} has changed while it was read");
        Ok(out)
    }

    /// The ids and payloads of these rows, which ascend.
    fn payload_rows(
        &self,
        wanted: &[(usize, usize)],
        batch_rows: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        let path = self.path.join(PAYLOADS);
        let failed =
            |error: &arrow::error::ArrowError| anyhow!("cannot read {PAYLOADS}: {}", data::reason(error));
        let file = File::open(&path).with_context(|| format!("cannot open {PAYLOADS}"))?;
        let open = || -> Result<_, arrow::error::ArrowError> {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
            let schema = builder.schema().clone();
            let column =
                |name: &str| data::find(&schema, name).map_err(arrow::error::ArrowError::SchemaError);
            let columns = [column("TensorAtomId")?, column("Payload")?];
            // Only the row groups that hold a wanted row.
            let (mut groups, mut ranges, mut skipped, mut start) = (Vec::new(), Vec::new(), 0, 0);
            let mut rest = wanted;
            for (n, group) in builder.metadata().row_groups().iter().enumerate() {
                let end = start + usize::try_from(group.num_rows()).unwrap_or(0);
                let (here, later) = rest.split_at(rest.partition_point(|(row, _)| *row < end));
                if here.is_empty() {
                    skipped += end - start;
                } else {
                    groups.push(n);
                    ranges.extend(here.iter().map(|(row, _)| row - skipped..row - skipped + 1));
                }
                (rest, start) = (later, end);
            }
            let selection = RowSelection::from_consecutive_ranges(ranges.into_iter(), start - skipped);
            let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
            let reader = builder
                .with_row_groups(groups)
                .with_row_selection(selection)
                .with_projection(mask)
                .with_batch_size(batch_rows)
                .build()?;
            // The columns come in the order of the file.
            Ok((reader, columns[0] > columns[1]))
        };
        let (mut reader, swapped) = data::guarded(open).map_err(|e| failed(&e))?;
        Ok(std::iter::from_fn(move || {
            let batch = data::guarded(|| reader.next().transpose()).map_err(|e| failed(&e)).transpose()?;
            Some(batch.and_then(|batch| Ok(if swapped { batch.project(&[1, 0])? } else { batch })))
        }))
    }
}

/// The layers, without their parts.
fn layers(path: &Path) -> Result<Vec<Layer>> {
    let table =
        Columns::read(path, LAYERS, &["LayerId", "LayerIdx", "LayerName", "TensorShape", "Parameters"])?;
    let mut layers: Vec<Layer> = Vec::new();
    let (mut ids, mut names, mut total) = (HashMap::new(), HashMap::new(), 0usize);
    for row in 0..table.rows() {
        insert_new(&mut ids, &table, row, row)?;
        let name = table.text(2, row)?;
        if let Some(other) = names.insert(name, row) {
            bail!("{}: `{name}` is also that of row {}", table.place(2, row), other + 1);
        }
        let shape: Vec<usize> = table.json(3, row, "an array of dimensions")?;
        let bytes = shape.iter().try_fold(4usize, |product, n| product.checked_mul(*n));
        let all = bytes.and_then(|bytes| bytes.checked_add(total));
        total = all.with_context(|| {
            format!("{}: {shape:?}; expected layers with elements that can be counted", table.place(3, row))
        })?;
        let Parameters { components } = table.json(4, row, "an object with the number of components")?;
        layers.push(Layer {
            name: name.to_owned(),
            shape,
            id: table.integer(0, row)?,
            index: table.integer(1, row)?,
            components,
            parts: Vec::new(),
        });
    }
    ensure!(!layers.is_empty(), "{}: {LAYERS} has no rows", path.display());
    Ok(layers)
}

/// For each atom the number of its component.
fn components(path: &Path) -> Result<HashMap<i64, usize>> {
    let table = Columns::read(path, ATOMS, &["TensorAtomId", "Metadata"])?;
    let mut out = HashMap::new();
    for row in 0..table.rows() {
        let Metadata { component } = table.json(1, row, "an object with the number of the component")?;
        insert_new(&mut out, &table, row, component)?;
    }
    Ok(out)
}

/// Adds the id in the table's first column, which must not be there yet.
fn insert_new(map: &mut HashMap<i64, usize>, table: &Columns, row: usize, value: usize) -> Result<()> {
    match map.entry(table.integer(0, row)?) {
        Entry::Occupied(entry) => bail!("{}: {} comes twice", table.place(0, row), entry.key()),
        Entry::Vacant(entry) => {
            entry.insert(value);
            Ok(())
        }
    }
}

/// Some columns of a table, in memory.
struct Columns {
    /// The file and the columns' names.
    shown: String,
    names: &'static [&'static str],
    columns: Vec<ArrayRef>,
    rows: usize,
}

impl Columns {
    fn read(folder: &Path, file: &str, names: &'static [&'static str]) -> Result<Columns> {
        let path = folder.join(file);
        let shown = path.display().to_string();
        let owned: Vec<String> = names.iter().map(ToString::to_string).collect();
        let reader = data::open(&path)?.only(&owned)?;
        let schema = reader.schema().clone();
        let batches = reader.collect::<Result<Vec<_>>>()?;
        let batch = concat_batches(&schema, &batches)?;
        let columns = names.iter().zip(batch.columns()).map(|(name, column)| {
            let wanted = match *name {
                "Coefficient" => DataType::Float32,
                "LayerName" | "TensorShape" | "Parameters" | "TensorRole" | "Metadata" => DataType::Utf8,
                _ => DataType::Int64,
            };
            cast(column, &wanted).with_context(|| format!("{shown}: column {name}"))
        });
        let columns = columns.collect::<Result<_>>()?;
        Ok(Columns { shown, names, columns, rows: batch.num_rows() })
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn place(&self, column: usize, row: usize) -> String {
        format!("{}: column {}, row {}", self.shown, self.names[column], row + 1)
    }

    fn value(&self, column: usize, row: usize) -> Result<&ArrayRef> {
        let values = &self.columns[column];
        ensure!(values.is_valid(row), "{}: NULL; expected a value", self.place(column, row));
        Ok(values)
    }

    fn integer(&self, column: usize, row: usize) -> Result<i64> {
        Ok(self.value(column, row)?.as_primitive::<Int64Type>().value(row))
    }

    fn real(&self, column: usize, row: usize) -> Result<f32> {
        Ok(self.value(column, row)?.as_primitive::<Float32Type>().value(row))
    }

    fn text(&self, column: usize, row: usize) -> Result<&str> {
        Ok(self.value(column, row)?.as_string::<i32>().value(row))
    }

    fn json<'a, T: Deserialize<'a>>(&'a self, column: usize, row: usize, expected: &str) -> Result<T> {
        let text = self.text(column, row)?;
        serde_json::from_str(text)
            .map_err(|error| anyhow!("{}: {error}; expected {expected}", self.place(column, row)))
    }
}
