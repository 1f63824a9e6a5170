//! A folder of the tables that `tables` writes, or of a server's tables with the same columns, read layer by layer.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::model::{Shown, elements, matrix};
use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use arrow_select::concat::concat_batches;
use hart_kernels::tensor::{Svd, reconstruct, synthesize};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use serde::Deserialize;

use super::available;
use super::tables::{ATOMS, COEFFICIENTS, LAYERS, PAYLOADS, Role};
use crate::data::{self, ReadOptions, Wanted, types};

/// Payload bytes read at a time, unless a row is larger.
const READ_BYTES: usize = 8 << 20;

/// A layer and its parts.
pub struct Layer {
    pub name: String,
    pub shape: Vec<usize>,
    id: i64,
    index: i64,
    /// Number of components with which it was written, if the table states it.
    components: Option<usize>,
    parts: Vec<Part>,
}

/// An atom's place in a layer.
struct Part {
    role: Role,
    /// From 1. Ignored in role [`Role::Whole`], which stands for every role except those of singular vectors.
    component: usize,
    coefficient: f32,
    atom: i64,
}

/// The content of a layer's atoms.
enum Content {
    /// Coefficients and elements; the layer is their weighted sum.
    Whole(Vec<(f64, Vec<f32>)>),
    Components(Svd),
}

/// An open folder.
pub struct Folder {
    path: PathBuf,
    layers: Vec<Layer>,
    /// For each atom the row of its payload, from 0.
    payloads: HashMap<i64, usize>,
    /// Bytes of memory that a layer may take, if there is a limit.
    limit: Option<u64>,
}

/// The supported content of `ModelLayers.Parameters`.
#[derive(Default, Deserialize)]
struct Parameters {
    components: Option<usize>,
}

/// The required content of `TensorAtoms.Metadata` for a singular vector.
#[derive(Deserialize)]
struct Metadata {
    component: usize,
}

impl Folder {
    /// Reads everything except the payloads. Tables of a server may contain layers that have not been factored; they
    /// are skipped with a line on standard error. `limit`: bytes of memory that a layer may take.
    pub fn open(path: &Path, limit: Option<u64>) -> Result<Folder> {
        let mut layers = layers(path, parts(path)?)?;
        let table = Columns::read(path, PAYLOADS, &["TensorAtomId"])?;
        let mut payloads = HashMap::new();
        for row in 0..table.rows() {
            insert_new(&mut payloads, &table, row, row)?;
        }
        layers.sort_by_key(|layer| (layer.index, layer.id));
        Ok(Folder { path: path.to_owned(), layers, payloads, limit })
    }

    /// Its layers, in the order of their index.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Checks that the layer's components are complete, each occurring once, with their payloads.
    pub fn check(&self, layer: &Layer) -> Result<()> {
        let check = || -> Result<()> {
            let mut found = BTreeMap::new();
            for Part { role, component, coefficient, atom } in &layer.parts {
                ensure!(
                    coefficient.is_finite(),
                    "atom {atom} has the coefficient {coefficient}; expected a finite number"
                );
                let other = found.insert((*component, *role), *atom);
                if let Some(other) = other.filter(|_| *role != Role::Whole) {
                    bail!("atoms {other} and {atom} are both component {component} in role {}", role.name());
                }
                ensure!(self.payloads.contains_key(atom), "atom {atom} has no payload in {PAYLOADS}");
            }
            let roles = match found.contains_key(&(1, Role::Whole)) {
                true => &[Role::Whole][..],
                false => &[Role::Left, Role::Right],
            };
            let written = match layer.components {
                Some(n) => format!("; the layer was written with {n} components"),
                None => String::new(),
            };
            // Without a number, every component with at least one atom is expected.
            let expected: Box<dyn Iterator<Item = usize>> = match layer.components {
                Some(n) => Box::new(1..=n),
                None => {
                    Box::new(BTreeSet::from_iter(layer.parts.iter().map(|part| part.component)).into_iter())
                }
            };
            for component in expected {
                for role in roles {
                    ensure!(
                        found.remove(&(component, *role)).is_some(),
                        "component {component} has no atom in role {}{written}",
                        role.name()
                    );
                }
            }
            if let Some(((component, role), atom)) = found.into_iter().min_by_key(|(_, atom)| *atom) {
                bail!("atom {atom} is component {component} in role {}{written}", role.name());
            }
            Ok(())
        };
        check().with_context(|| self.about(layer))
    }

    /// Rebuilds a layer from its atoms.
    pub fn load(&self, layer: &Layer) -> Result<Vec<f32>> {
        self.check(layer)?;
        let load = || -> Result<Vec<f32>> {
            let elements = match self.content(layer)? {
                Content::Whole(atoms) => {
                    let atoms: Vec<_> = atoms.iter().map(|(c, elements)| (*c, &elements[..])).collect();
                    synthesize(&atoms)?
                }
                Content::Components(svd) => reconstruct(&svd)?,
            };
            match super::not_finite(&elements, matrix(&layer.shape).1) {
                None => Ok(elements),
                Some((value, row, column)) => bail!(
                    "row {row}, column {column} would be {value}; expected at most {:e}, the largest single",
                    f32::MAX
                ),
            }
        };
        load().with_context(|| self.about(layer))
    }

    fn about(&self, layer: &Layer) -> String {
        format!("{}: layer {}", self.path.display(), Shown(&layer.name))
    }

    /// The payloads of the layer and its coefficients. The parts must be complete: see [`Folder::check`].
    fn content(&self, layer: &Layer) -> Result<Content> {
        let (rows, columns) = matrix(&layer.shape);
        let whole = layer.parts.iter().any(|part| part.role == Role::Whole);
        // The components in ascending order, whatever their numbers.
        let numbers: BTreeSet<usize> = layer.parts.iter().map(|part| part.component).collect();
        let places: HashMap<usize, usize> = numbers.iter().enumerate().map(|(n, c)| (*c, n)).collect();
        let count = if whole { 0 } else { numbers.len() };
        let result = elements(&layer.shape).unwrap_or(usize::MAX);
        let sides = count.saturating_mul(rows.saturating_add(columns));
        let vectors = if whole { layer.parts.len().saturating_mul(result) } else { sides };
        available("its payloads", result, (vectors as u64).saturating_mul(4), self.limit)?;
        // Untouched memory until a payload as long as the shape says fills it.
        let mut atoms: Vec<(f64, Vec<f32>)> = Vec::new();
        let (mut u, mut v) = (vec![0.0; count * rows], vec![0.0; count * columns]);
        let mut singular_values = vec![1.0; count];

        // Payloads come in file order.
        let mut wanted: Vec<(usize, usize)> =
            layer.parts.iter().enumerate().map(|(n, part)| (self.payloads[&part.atom], n)).collect();
        wanted.sort_unstable();
        let largest = if whole { result } else { rows.max(columns) };
        let mut taken = wanted.iter();
        for batch in self.payload_rows(&wanted, (READ_BYTES / 4 / largest.max(1)).max(1))? {
            let batch = batch?;
            let ids = types::exact(batch.column(0), &DataType::Int64)?;
            let payloads = types::exact(batch.column(1), &DataType::LargeBinary)?;
            let (ids, payloads) = (ids.as_primitive::<Int64Type>(), payloads.as_binary::<i64>());
            for row in 0..batch.num_rows() {
                let (_, n) = *taken.next().context("more payloads than were asked for")?;
                let part = &layer.parts[n];
                ensure!(
                    ids.is_valid(row) && ids.value(row) == part.atom,
                    "{PAYLOADS} has changed while it was read"
                );
                let payload = if payloads.is_valid(row) { payloads.value(row) } else { &[] };
                let place = places[&part.component];
                let out = match part.role {
                    Role::Left => &mut u[place * rows..][..rows],
                    Role::Right => &mut v[place * columns..][..columns],
                    Role::Whole => {
                        atoms.push((part.coefficient.into(), vec![0.0; result]));
                        &mut atoms.last_mut().context("an atom")?.1[..]
                    }
                };
                part.fill(out, payload)?;
                if part.role != Role::Whole {
                    singular_values[place] *= f64::from(part.coefficient);
                }
            }
        }
        ensure!(taken.next().is_none(), "{PAYLOADS} has changed while it was read");
        if whole {
            return Ok(Content::Whole(atoms));
        }
        Ok(Content::Components(Svd { rows, columns, singular_values, u, v, ..Svd::default() }))
    }

    /// The ids and payloads of these rows, which must ascend.
    fn payload_rows(
        &self,
        wanted: &[(usize, usize)],
        batch_rows: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        let path = self.path.join(PAYLOADS);
        let failed =
            |error: &arrow_schema::ArrowError| anyhow!("cannot read {PAYLOADS}: {}", data::reason(error));
        let file = File::open(&path).with_context(|| format!("cannot open {PAYLOADS}"))?;
        let open = || -> Result<_, arrow_schema::ArrowError> {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
            let schema = builder.schema().clone();
            let column =
                |name: &str| data::find(&schema, name).map_err(arrow_schema::ArrowError::SchemaError);
            let columns = [column("TensorAtomId")?, column("Payload")?];
            // Only the row groups with a wanted row.
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
            // The columns come in file order.
            Ok((reader, columns[0] > columns[1]))
        };
        let (mut reader, swapped) = data::guarded(open).map_err(|e| failed(&e))?;
        Ok(std::iter::from_fn(move || {
            let batch = data::guarded(|| reader.next().transpose()).map_err(|e| failed(&e)).transpose()?;
            Some(batch.and_then(|batch| Ok(if swapped { batch.project(&[1, 0])? } else { batch })))
        }))
    }
}

impl Part {
    /// Decodes the payload's elements into `out`, which has the expected length.
    fn fill(&self, out: &mut [f32], bytes: &[u8]) -> Result<()> {
        let Part { role, component, atom, .. } = self;
        let of = || match role {
            Role::Whole => format!("the payload of atom {atom}"),
            _ => format!("the payload of atom {atom}, component {component} in role {}", role.name()),
        };
        let (singles, rest) = bytes.as_chunks::<4>();
        ensure!(
            rest.is_empty() && singles.len() == out.len(),
            "{} has {} bytes; expected {} ({} singles)",
            of(),
            bytes.len(),
            out.len() * 4,
            out.len()
        );
        out.iter_mut().zip(singles).for_each(|(out, single)| *out = f32::from_le_bytes(*single));
        match out.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(at) => bail!("{}: element {at} is {}; expected a finite number", of(), out[at]),
        }
    }
}

/// The coefficients of a layer in the tables.
#[derive(Default)]
struct Coefficients {
    parts: Vec<Part>,
    /// The location of the first coefficient in a role other than those of singular vectors.
    other: Option<String>,
    /// The location of the first coefficient.
    place: String,
}

/// The coefficients by their layers' ids.
fn parts(path: &Path) -> Result<HashMap<i64, Coefficients>> {
    let atoms = Columns::read(path, ATOMS, &["TensorAtomId", "Metadata"])?;
    let mut rows = HashMap::new();
    for row in 0..atoms.rows() {
        insert_new(&mut rows, &atoms, row, row)?;
    }
    let names = &["TensorAtomId", "ParentLayerId", "TensorRole", "Coefficient"];
    let table = Columns::read(path, COEFFICIENTS, names)?;
    let mut layers: HashMap<i64, Coefficients> = HashMap::new();
    for row in 0..table.rows() {
        let layer = layers.entry(table.integer(1, row)?).or_default();
        if layer.place.is_empty() {
            layer.place = table.place(1, row);
        }
        let name = if table.is_null(2, row) { None } else { Some(table.text(2, row)?) };
        let known = Role::ALL.into_iter().find(|known| Some(known.name()) == name);
        // As on the server, anything but a component is a term of a weighted sum, whatever its role is called.
        let role = known.unwrap_or(Role::Whole);
        if role == Role::Whole {
            let found = name.map_or("NULL".into(), |name| format!("`{}`", Shown(name)));
            layer.other.get_or_insert(format!("{}: {found}", table.place(2, row)));
        }
        let atom = table.integer(0, row)?;
        let known = rows.get(&atom);
        let known = *known
            .with_context(|| format!("{}: {atom}; expected an atom of {ATOMS}", table.place(0, row)))?;
        let component = match role {
            Role::Whole => 1,
            Role::Left | Role::Right => {
                let Metadata { component } =
                    atoms.json(1, known, "an object with the number of the component")?;
                component
            }
        };
        layer.parts.push(Part { role, component, coefficient: table.real(3, row)?, atom });
    }
    Ok(layers)
}

/// The layers with their parts.
fn layers(path: &Path, mut coefficients: HashMap<i64, Coefficients>) -> Result<Vec<Layer>> {
    let table =
        Columns::read(path, LAYERS, &["LayerId", "LayerIdx", "LayerName", "TensorShape", "Parameters"])?;
    let mut layers: Vec<Layer> = Vec::new();
    let (mut ids, mut names, mut total) = (HashMap::new(), HashMap::new(), 0usize);
    for row in 0..table.rows() {
        insert_new(&mut ids, &table, row, row)?;
        let id = table.integer(0, row)?;
        let Coefficients { parts, other, .. } = coefficients.remove(&id).unwrap_or_default();
        let parameters: Parameters = match table.is_null(4, row) {
            true => Parameters::default(),
            false => table.json(4, row, "an object, with the number of components where there are any")?,
        };
        if parts.is_empty() && parameters.components.is_none_or(|n| n == 0) {
            eprintln!("hart: {}: layer {id} is left out: it has no atoms", path.display());
            continue;
        }
        let factored = parts.iter().any(|part| part.role != Role::Whole);
        if !factored && (table.is_null(2, row) || table.is_null(3, row)) {
            eprintln!("hart: {}: layer {id} is left out: it has no name or no shape", path.display());
            continue;
        }
        if let Some(other) = other.filter(|_| factored) {
            bail!("{other}; expected u or v, as of the layer's other atoms");
        }
        let name = table.text(2, row)?;
        if let Some(other) = names.insert(name, row) {
            bail!("{}: `{}` is also that of row {}", table.place(2, row), Shown(name), other + 1);
        }
        let shape: Vec<usize> = table.json(3, row, "an array of dimensions")?;
        let bytes = elements(&shape).and_then(|n| n.checked_mul(4));
        let all = bytes.and_then(|bytes| bytes.checked_add(total));
        total = all.with_context(|| {
            format!("{}: {shape:?}; expected layers with elements that can be counted", table.place(3, row))
        })?;
        layers.push(Layer {
            name: name.to_owned(),
            shape,
            id,
            index: table.integer(1, row)?,
            components: parameters.components,
            parts,
        });
    }
    if let Some((id, Coefficients { place, .. })) = coefficients.into_iter().min_by_key(|(id, _)| *id) {
        bail!("{place}: {id}; expected a layer of {LAYERS}");
    }
    ensure!(!layers.is_empty(), "{}: {LAYERS} has no layers with atoms", path.display());
    Ok(layers)
}

/// Adds the id in the table's first column, which must be new.
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
        let reader = data::open(&path, &ReadOptions::default())?;
        let find =
            |name: &&str| data::find(reader.schema(), name).map_err(|problem| anyhow!("{shown}: {problem}"));
        let wanted = names.iter().map(|name| find(name).map(Wanted::Typed)).collect::<Result<Vec<_>>>()?;
        let reader = reader.only(&wanted)?;
        let schema = reader.schema().clone();
        let batches = reader.collect::<Result<Vec<_>>>()?;
        let batch = concat_batches(&schema, &batches)?;
        let columns = names.iter().zip(batch.columns()).map(|(name, column)| {
            let wanted = match *name {
                "Coefficient" => DataType::Float32,
                "LayerName" | "TensorShape" | "Parameters" | "TensorRole" | "Metadata" => DataType::Utf8,
                _ => DataType::Int64,
            };
            types::exact(column, &wanted)
                .map_err(|error| anyhow!("{shown}: column {name}: {}", data::reason(&error)))
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

    fn is_null(&self, column: usize, row: usize) -> bool {
        self.columns[column].is_null(row)
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
