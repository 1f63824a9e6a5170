//! Writes the tables of tensor coefficients as Parquet files, layer by layer.
//!
//! Files and columns are named like the tables into which they are loaded. A column that is missing here gets its
//! default there; `TensorAtoms.AtomId` has none, so the loading statement must supply it.
//!
//! A matrix is the sum over its components of (c · u) (c′ · v)ᵀ. Vector v is an atom of type `svd_right`, whose
//! coefficient c′ in role `v` is the singular value; u is an atom of type `svd_left`, whose coefficient c in role `u`
//! is 1. If a singular value is not a normal single, it is split: c is 2⁶⁴ or 2⁻⁶⁴, and c · c′ is the singular value. A
//! tensor that is not factored is one atom of type `whole`, with the coefficient 1 in role `whole`.
//! `TensorAtoms.Metadata` has the number of the component, from 1.

use std::fs::{self, File};
use std::iter::repeat_n;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{ElementType, Shown, Tensor};
use anyhow::{Context, Result, bail, ensure};
use arrow_array::{ArrayRef, BinaryArray, Float32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use hart_kernels::tensor::quant::PayloadType;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use uuid::Uuid;

use crate::data::Kept;

pub const LAYERS: &str = "ModelLayers.parquet";
pub const ATOMS: &str = "TensorAtoms.parquet";
pub const COEFFICIENTS: &str = "TensorAtomCoefficients.parquet";
pub const PAYLOADS: &str = "TensorAtomPayloads.parquet";

/// Payload bytes of a row group; one row group is in memory at a time.
const GROUP_BYTES: usize = 32 << 20;
/// Rows per row group of the other tables, so that memory does not grow with their number.
const GROUP_ROWS: usize = 1 << 16;

/// Row identifiers are derived from this and from the rows' content, so the same model gives the same files.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1a_3c0e_27d4_5b8f_9a41_c5d2_e07b_3f96);

/// The coefficients of a component in the roles u and v.
pub fn coefficients(sigma: f64) -> (f32, f32) {
    let left = if sigma > f32::MAX.into() {
        2f32.powi(64)
    } else if sigma > 0.0 && sigma < f32::MIN_POSITIVE.into() {
        2f32.powi(-64)
    } else {
        1.0
    };
    (left, (sigma / f64::from(left)) as f32)
}

/// The role of an atom in its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A left singular vector, with one element per row.
    Left,
    /// A right singular vector, with one element per column.
    Right,
    /// All elements of a layer that is not factored.
    Whole,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Left, Role::Right, Role::Whole];

    /// The value of TensorRole.
    pub fn name(self) -> &'static str {
        match self {
            Role::Left => "u",
            Role::Right => "v",
            Role::Whole => "whole",
        }
    }

    fn atom_type(self) -> &'static str {
        match self {
            Role::Left => "svd_left",
            Role::Right => "svd_right",
            Role::Whole => "whole",
        }
    }
}

/// An atom with its coefficient in the layer.
pub struct Atom<'a> {
    pub role: Role,
    /// From 1.
    pub component: usize,
    pub coefficient: f32,
    pub importance: f32,
    pub elements: &'a [f32],
}

/// Where identifiers start, and whose layers these are.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Numbering {
    /// Value of the columns ModelId [default: NULL]
    #[arg(long, value_name = "N")]
    model_id: Option<i32>,
    /// First id of layers, atoms, coefficients and payloads alike
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i64).range(0..=i64::MAX >> 1))]
    first_id: i64,
}

/// The folder with the four files. It appears when it is complete; before that there is a draft beside it.
pub struct Tables {
    numbering: Numbering,
    target: PathBuf,
    draft: Kept,
    layers: Table,
    atoms: Table,
    coefficients: Table,
    payloads: Table,
}

impl Tables {
    /// Starts the folder, which must be new or empty.
    pub fn create(target: &Path, numbering: Numbering) -> Result<Tables> {
        let shown = target.display();
        // A folder cannot replace a link to one.
        let target = &match fs::symlink_metadata(target) {
            Ok(about) if about.is_symlink() => fs::canonicalize(target)
                .with_context(|| format!("--output {shown}: the link leads nowhere"))?,
            _ => target.to_owned(),
        };
        if let Ok(mut entries) = fs::read_dir(target) {
            ensure!(entries.next().is_none(), "--output {shown}: the folder is not empty");
        } else {
            ensure!(!target.exists(), "--output {shown}: expected a new or empty folder, found a file");
        }
        let create = || -> Result<Tables> {
            use DataType::{Binary, Float32, Int32, Int64, Utf8};
            let name = target.file_name().context("the path has no last part to name a folder")?;
            let draft = Kept::folder(&target.with_file_name(format!(".{}", name.to_string_lossy())))?;
            let layers = [
                ("LayerId", Int64),
                ("ModelId", Int32),
                ("LayerIdx", Int32),
                ("LayerName", Utf8),
                ("LayerType", Utf8),
                ("TensorShape", Utf8),
                ("TensorDtype", Utf8),
                ("QuantizationType", Utf8),
                ("Parameters", Utf8),
                ("ParameterCount", Int64),
            ];
            let atoms = [
                ("TensorAtomId", Int64),
                ("ModelId", Int32),
                ("LayerId", Int64),
                ("AtomType", Utf8),
                ("Metadata", Utf8),
                ("ImportanceScore", Float32),
            ];
            let coefficients = [
                ("TensorAtomCoefficientId", Int64),
                ("TensorAtomId", Int64),
                ("ParentLayerId", Int64),
                ("TensorRole", Utf8),
                ("Coefficient", Float32),
            ];
            let payloads = [
                ("PayloadId", Int64),
                ("TensorAtomId", Int64),
                ("RowGuid", Utf8),
                ("Payload", Binary),
                ("Metadata", Utf8),
            ];
            Ok(Tables {
                numbering,
                target: target.to_owned(),
                layers: Table::create(&draft.path.join(LAYERS), &layers)?,
                atoms: Table::create(&draft.path.join(ATOMS), &atoms)?,
                coefficients: Table::create(&draft.path.join(COEFFICIENTS), &coefficients)?,
                payloads: Table::create(&draft.path.join(PAYLOADS), &payloads)?,
                draft,
            })
        };
        create().with_context(|| format!("cannot write {shown}"))
    }

    /// Writes a layer with its atoms, and `Parameters` beside its size.
    pub fn write(
        &mut self,
        tensor: &Tensor,
        components: usize,
        error: f64,
        atoms: &[Atom<'_>],
    ) -> Result<()> {
        let written = self.write_layer(tensor, components, error).and_then(|()| self.write_atoms(atoms));
        written.with_context(|| {
            format!("cannot write {}, tensor {}", self.target.display(), Shown(&tensor.name))
        })
    }

    fn write_layer(&mut self, tensor: &Tensor, components: usize, error: f64) -> Result<()> {
        // The elements' own type if they are plain, or the type to which blocks decode.
        let (dtype, quantization) = match tensor.element_type {
            ElementType::Payload(PayloadType::F32) => ("float32", None),
            ElementType::Payload(PayloadType::F16) => ("float16", None),
            ElementType::Payload(PayloadType::Bf16) => ("bfloat16", None),
            ElementType::Payload(PayloadType::F64) => ("float64", None),
            blocks => ("float32", Some(blocks.name())),
        };
        let layer_type = match tensor.shape.len() {
            0 | 1 => "vector",
            2 => "matrix",
            _ => "tensor",
        };
        let (rows, columns) = tensor.matrix();
        let parameters = serde_json::json!({
            "rows": rows, "columns": columns, "components": components, "relativeError": error,
        });
        let shape = serde_json::to_string(&tensor.shape)?;
        let index = i32::try_from(self.layers.rows).context("more layers than LayerIdx can count")?;
        let id = self.numbering.first_id + self.layers.rows;
        self.layers.write(vec![
            Arc::new(Int64Array::from_value(id, 1)),
            Arc::new(Int32Array::from(vec![self.numbering.model_id])),
            Arc::new(Int32Array::from_value(index, 1)),
            Arc::new(StringArray::from_iter_values([&tensor.name])),
            Arc::new(StringArray::from_iter_values([layer_type])),
            Arc::new(StringArray::from_iter_values([shape])),
            Arc::new(StringArray::from_iter_values([dtype])),
            Arc::new(StringArray::from(vec![quantization])),
            Arc::new(StringArray::from_iter_values([parameters.to_string()])),
            Arc::new(Int64Array::from_value(tensor.elements() as i64, 1)),
        ])
    }

    /// Writes the atoms of the layer written last.
    fn write_atoms(&mut self, atoms: &[Atom<'_>]) -> Result<()> {
        let Numbering { model_id, first_id } = self.numbering;
        let count = atoms.len();
        let first_atom = first_id + self.atoms.rows;
        let ids =
            |first: i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(first..first + count as i64)) };
        let layer_ids: ArrayRef = Arc::new(Int64Array::from_value(first_id + self.layers.rows - 1, count));
        let metadata = |atom: &Atom<'_>| serde_json::json!({ "component": atom.component }).to_string();
        let first_coefficient = first_id + self.coefficients.rows;
        self.atoms.write(vec![
            ids(first_atom),
            Arc::new(repeat_n(model_id, count).collect::<Int32Array>()),
            layer_ids.clone(),
            Arc::new(StringArray::from_iter_values(atoms.iter().map(|a| a.role.atom_type()))),
            Arc::new(StringArray::from_iter_values(atoms.iter().map(metadata))),
            Arc::new(Float32Array::from_iter_values(atoms.iter().map(|a| a.importance))),
        ])?;
        self.coefficients.write(vec![
            ids(first_coefficient),
            ids(first_atom),
            layer_ids,
            Arc::new(StringArray::from_iter_values(atoms.iter().map(|a| a.role.name()))),
            Arc::new(Float32Array::from_iter_values(atoms.iter().map(|a| a.coefficient))),
        ])?;
        let mut first_atom = first_atom;
        for group in groups(atoms)? {
            self.write_payloads(group, first_atom)?;
            first_atom += group.len() as i64;
        }
        Ok(())
    }

    /// Writes the payloads in row groups. None spans two layers, so reading one layer need not skip others.
    fn write_payloads(&mut self, atoms: &[Atom<'_>], first_atom: i64) -> Result<()> {
        let Numbering { model_id, first_id } = self.numbering;
        let first = first_id + self.payloads.rows;
        let (mut payloads, mut guids) = (Vec::new(), Vec::new());
        for (id, atom) in (first..).zip(atoms) {
            let payload: Vec<u8> = atom.elements.iter().flat_map(|v| v.to_le_bytes()).collect();
            // Including the model and the id, so that no two rows of a table share an identifier.
            let named = [format!("{model_id:?} {id} ").as_bytes(), &payload].concat();
            guids.push(Uuid::new_v5(&NAMESPACE, &named).hyphenated().to_string());
            payloads.push(payload);
        }
        let metadata = |atom: &Atom<'_>| {
            serde_json::json!({ "dtype": "float32", "elements": atom.elements.len() }).to_string()
        };
        let rows = atoms.len() as i64;
        self.payloads.write(vec![
            Arc::new(Int64Array::from_iter_values(first..first + rows)),
            Arc::new(Int64Array::from_iter_values(first_atom..first_atom + rows)),
            Arc::new(StringArray::from_iter_values(guids)),
            Arc::new(BinaryArray::from_iter_values(payloads)),
            Arc::new(StringArray::from_iter_values(atoms.iter().map(metadata))),
        ])?;
        Ok(self.payloads.writer.flush()?)
    }

    /// Completes the files and renames the folder to its final name.
    pub fn finish(self) -> Result<()> {
        let Tables { target, draft, layers, atoms, coefficients, payloads, .. } = self;
        let finish = || -> Result<()> {
            for table in [layers, atoms, coefficients, payloads] {
                table.writer.close()?;
            }
            // On some systems an empty folder with that name blocks the rename.
            if target.exists() {
                fs::remove_dir(&target)?;
            }
            Ok(fs::rename(&draft.path, &target)?)
        };
        finish().with_context(|| format!("cannot write {}", target.display()))
    }
}

/// The atoms in groups with about the payload bytes of a row group, and at least one atom.
fn groups<'a, 'b>(atoms: &'a [Atom<'b>]) -> Result<Vec<&'a [Atom<'b>]>> {
    let mut out = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (n, atom) in atoms.iter().enumerate() {
        let size = size_of_val(atom.elements);
        // The limit of VARBINARY(MAX), and of the offsets of a column in memory.
        if i32::try_from(size).is_err() {
            bail!("a payload of {size} bytes; a row holds at most {}", i32::MAX);
        }
        if n > start && bytes + size > GROUP_BYTES {
            out.push(&atoms[start..n]);
            (start, bytes) = (n, 0);
        }
        bytes += size;
    }
    if start < atoms.len() {
        out.push(&atoms[start..]);
    }
    Ok(out)
}

/// A Parquet file being written.
struct Table {
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
    /// Rows so far.
    rows: i64,
}

impl Table {
    fn create(path: &Path, columns: &[(&str, DataType)]) -> Result<Table> {
        let nullable = |name: &str| ["ModelId", "QuantizationType"].contains(&name);
        let field = |(name, of): &(&str, DataType)| Field::new(*name, of.clone(), nullable(name));
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        // Weights do not compress, do not repeat, and nobody searches for their minimum.
        let payload = ColumnPath::from("Payload");
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_column_compression(payload.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(payload.clone(), false)
            .set_column_statistics_enabled(payload, EnabledStatistics::None)
            .build();
        let writer = ArrowWriter::try_new(File::create_new(path)?, schema.clone(), Some(properties))?;
        Ok(Table { writer, schema, rows: 0 })
    }

    fn write(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        self.writer.write(&batch)?;
        self.rows += batch.num_rows() as i64;
        Ok(())
    }
}
