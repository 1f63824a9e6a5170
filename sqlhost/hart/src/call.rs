//! Passes the input's rows to a kernel, and joins its results with the passed-through columns.
//!
//! Passed-through columns never leave this process: they are taken from the input by the rows to which results belong,
//! so they keep their types and all their bits. The same holds for ids whose type SQL Server lacks.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat;
use arrow_select::interleave::interleave;
use arrow_select::take::take;
use hart_kernels::Element;
use hart_kernels::registry::{Kernel, Kind, RowShape, free_name};
use hart_sqlhost::columns::{CType, Field as HostField};
use hart_sqlhost::local::{Chunk, HostColumn};

use crate::data::{guarded, types};
use crate::feed::{Column, VectorShape, append, arrow_column, empty_column, host_field, is_bytes};
use crate::memory;

/// The origin of a column that a kernel gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A column of the batches, by position.
    Column(usize),
    /// The row number, from 1.
    RowNumber,
}

/// A column that the kernel gets.
struct Sent {
    label: String,
    origin: Origin,
    ctype: CType,
    kind: Option<Kind>,
}

/// A kernel with its columns.
pub struct Call {
    pub kernel: &'static Kernel,
    pub fields: Vec<HostField>,
    sent: Vec<Sent>,
    /// The origin of ids.
    id: Option<Origin>,
    /// Whether a column with the partition number is sent too.
    partitioned: bool,
    carried: Vec<(usize, String)>,
    vectors: VectorShape,
}

/// The parts of a call, by position in the batches.
pub struct Plan<'a> {
    /// The kernel's columns in its order; for a kernel that declares none, all columns that it is to return.
    pub declared: &'a [(String, Origin)],
    /// The column with the partition value.
    pub partition: Option<usize>,
    /// The passed-through columns, and the result columns to hide.
    pub carried: &'a [usize],
    pub hidden: &'a [&'a str],
    pub vectors: VectorShape,
}

impl Call {
    pub fn new(kernel: &'static Kernel, schema: &Schema, plan: &Plan<'_>) -> Result<Call> {
        let shape = kernel.rows;
        let (mut sent, mut fields, mut id) = (Vec::new(), Vec::new(), None);
        let mut partitioned = false;
        for (n, (label, origin)) in plan.declared.iter().enumerate() {
            let kind = kernel.columns().nth(n).map(|column| column.kind);
            let mut from = *origin;
            if kind == Some(Kind::Id) {
                id = Some(*origin);
                // A kernel uses only the order of ids.
                let ordered = |place: usize| types::is_integer(schema.field(place).data_type());
                let kept = match (shape, from) {
                    (RowShape::Made, _) => true,
                    (_, Origin::Column(place)) => ordered(place),
                    (_, Origin::RowNumber) => false,
                };
                if !kept {
                    from = Origin::RowNumber;
                }
            }
            let field = match from {
                Origin::Column(place) => {
                    let partition = plan.partition == Some(place);
                    partitioned |= partition;
                    host_field(label, schema.field(place).data_type(), partition)?
                }
                Origin::RowNumber => host_field(label, &DataType::Int64, false)?,
            };
            if let (Origin::Column(place), true) = (from, kind.is_some_and(is_bytes)) {
                let given = types::plain_type(schema.field(place).data_type());
                let other = types::item_type(given).filter(|item| **item != DataType::UInt8);
                ensure!(
                    other.is_none(),
                    "{}: column {label} has type {given}; expected binary, or lists of uint8",
                    kernel.name
                );
            }
            sent.push(Sent { label: label.clone(), origin: from, ctype: field.ctype, kind });
            fields.push(field);
        }
        // Further columns are unnamed, so that none is taken for a declared column.
        let partitioned = plan.partition.is_some() && !partitioned;
        if partitioned {
            fields.push(host_field("", &DataType::Int64, true)?);
        }
        if shape == RowShape::Picked {
            fields.push(host_field("", &DataType::Int64, false)?);
        }
        let mut call =
            Call { kernel, fields, sent, id, partitioned, carried: Vec::new(), vectors: plan.vectors };
        let mut taken: Vec<String> = match kernel.inputs.is_empty() && shape == RowShape::Same {
            true => plan.declared.iter().map(|(label, _)| label.clone()).collect(),
            false => kernel.outputs.iter().map(|column| call.name(column.name, column.kind)).collect(),
        };
        taken.retain(|name| !plan.hidden.contains(&name.as_str()));
        for &place in plan.carried {
            let name = free_name(schema.field(place).name(), &taken);
            taken.push(name.clone());
            call.carried.push((place, name));
        }
        Ok(call)
    }

    /// The name of a result column.
    fn name(&self, declared: &str, kind: Kind) -> String {
        let rows = kind == Kind::Id && self.id == Some(Origin::RowNumber);
        if rows { "row".into() } else { declared.into() }
    }

    /// The names and types of the result's columns, as far as they are known in advance.
    pub fn columns(&self, schema: &Schema) -> Vec<(String, DataType)> {
        let of = |place: usize| types::plain_type(schema.field(place).data_type()).clone();
        let mut out = declared_columns(self.kernel, self.vectors.element);
        for ((name, data_type), column) in out.iter_mut().zip(self.kernel.outputs) {
            if let (Kind::Id, Some(Origin::Column(place))) = (column.kind, self.id) {
                *data_type = of(place);
            }
            *name = self.name(column.name, column.kind);
        }
        if self.kernel.inputs.is_empty() {
            let own = self.sent.iter().filter_map(|sent| match sent.origin {
                Origin::Column(place) => Some((sent.label.clone(), of(place))),
                Origin::RowNumber => None,
            });
            out.extend(own);
        }
        out.extend(self.carried.iter().map(|(place, name)| (name.clone(), of(*place))));
        out
    }

    /// The positions of the batches' columns that results need.
    pub fn held(&self) -> Vec<usize> {
        let id = self.id.and_then(|origin| match origin {
            Origin::Column(place) => Some(place),
            Origin::RowNumber => None,
        });
        self.carried.iter().map(|(place, _)| *place).chain(id).collect()
    }

    /// The columns as the kernel gets them, without rows yet.
    pub fn start(&self) -> Vec<HostColumn> {
        self.fields.iter().map(|field| empty_column(field.ctype)).collect()
    }

    /// Appends the rows of a batch; `before` rows preceded them in the file, `group` partitions preceded theirs, and
    /// `beside` bytes of the input are held elsewhere.
    pub fn feed(
        &self,
        batch: &RecordBatch,
        before: usize,
        group: usize,
        beside: u64,
        out: &mut [HostColumn],
    ) -> Result<()> {
        let mut all = beside + memory::of_host(out);
        let mut add =
            |name: &str, kind: Option<Kind>, column: &ArrayRef, out: &mut HostColumn| -> Result<()> {
                let own = memory::of_host(std::slice::from_ref(out));
                append(&Column { name, kind, before, beside: all - own }, column, out)?;
                all += memory::of_host(std::slice::from_ref(out)) - own;
                Ok(())
            };
        let rows = batch.num_rows();
        let place = out.first().map_or(0, |column| column.indicators.len());
        let integers = |from: usize, step: usize| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values((0..rows).map(|row| (from + row * step) as i64)))
        };
        let numbers = integers(before + 1, 1);
        for (sent, out) in self.sent.iter().zip(out.iter_mut()) {
            debug_assert_eq!(sent.ctype, out.ctype);
            let column = match sent.origin {
                Origin::Column(place) => batch.column(place),
                Origin::RowNumber => &numbers,
            };
            add(&sent.label, sent.kind, column, out)?;
        }
        let mut more = out.iter_mut().skip(self.sent.len());
        if self.partitioned
            && let Some(out) = more.next()
        {
            add("", None, &integers(group, 0), out)?;
        }
        if let Some(out) = more.next() {
            add("", None, &integers(place, 1), out)?;
        }
        Ok(())
    }

    /// The result of a chunk made of `rows`, the first of which had number `before`: the kernel's columns, then the
    /// passed-through ones.
    pub fn result(&self, chunk: &Chunk, rows: &Rows, before: usize) -> Result<RecordBatch> {
        let picked = match self.kernel.rows {
            RowShape::Same => None,
            RowShape::Picked => {
                let n = chunk.columns.len().checked_sub(1).context("the extension returned no column")?;
                let numbers = arrow_column(&chunk.fields[n], &chunk.columns[n], None)?;
                let numbers = numbers
                    .as_primitive_opt::<Int64Type>()
                    .context("the extension returned no row numbers")?;
                Some(numbers.values().iter().map(|row| *row as usize).collect())
            }
            // A partition's columns have the same value in every row.
            RowShape::Made => Some(vec![0; chunk.rows]),
        };
        let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
        let mut push = |name: &str, column: ArrayRef| {
            fields.push(Field::new(name, column.data_type().clone(), true));
            columns.push(column);
        };
        for (n, (field, column)) in chunk.fields.iter().zip(&chunk.columns).enumerate() {
            let Some(declared) = self.kernel.outputs.get(n) else {
                if self.kernel.inputs.is_empty()
                    && let Some(sent) = self.sent.get(n - self.kernel.outputs.len())
                {
                    push(&sent.label, arrow_column(field, column, None)?);
                }
                continue;
            };
            let name = self.name(declared.name, declared.kind);
            let column = match (declared.kind, self.kernel.rows, self.id) {
                (Kind::Id, RowShape::Same | RowShape::Picked, Some(Origin::Column(place))) => {
                    rows.column(place, picked.as_deref(), &name)?
                }
                (Kind::Id, RowShape::Same | RowShape::Picked, Some(Origin::RowNumber)) => {
                    let number = |row: usize| (before + row + 1) as i64;
                    Arc::new(match &picked {
                        None => Int64Array::from_iter_values((0..chunk.rows).map(number)),
                        Some(picked) => Int64Array::from_iter_values(picked.iter().map(|row| number(*row))),
                    })
                }
                (Kind::Vector, ..) => arrow_column(field, column, Some(self.vectors))?,
                _ => arrow_column(field, column, None)?,
            };
            push(&name, column);
        }
        for (place, name) in &self.carried {
            push(name, rows.column(*place, picked.as_deref(), name)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(chunk.rows));
        let batch = RecordBatch::try_new_with_options(Schema::new(fields).into(), columns, &options);
        batch.map_err(|e| anyhow!("the result's columns do not fit together: {e}"))
    }

    /// The ids by which the kernel ordered rows, from a chunk's result.
    pub fn keys(&self, chunk: &Chunk) -> Result<ArrayRef> {
        let n = self.kernel.outputs.iter().position(|column| column.kind == Kind::Id);
        let n = n.context("the kernel returns no id")?;
        Ok(types::exact(&arrow_column(&chunk.fields[n], &chunk.columns[n], None)?, &DataType::Int64)?)
    }
}

/// The columns that a kernel declares, with that element type for vectors.
pub fn declared_columns(kernel: &Kernel, element: Element) -> Vec<(String, DataType)> {
    let item = match element.of_result() {
        Element::F64 => DataType::Float64,
        Element::F16 => DataType::Float16,
        _ => DataType::Float32,
    };
    let declared = kernel.outputs.iter().map(|column| {
        let data_type = match column.kind {
            Kind::Id | Kind::BigInt => DataType::Int64,
            Kind::Int => DataType::Int32,
            Kind::Float => DataType::Float64,
            Kind::Text | Kind::LongText => DataType::Utf8,
            Kind::Binary | Kind::Point => DataType::Binary,
            Kind::Vector => DataType::new_list(item.clone(), true),
        };
        (column.name.to_string(), data_type)
    });
    declared.collect()
}

/// A chunk's rows, as far as results need them.
#[derive(Default)]
pub struct Rows {
    parts: Vec<RecordBatch>,
}

impl Rows {
    /// All rows of a batch.
    pub fn of(batch: RecordBatch) -> Rows {
        Rows { parts: vec![batch] }
    }

    /// Adds the rows of a batch with only the columns at these positions.
    pub fn push(&mut self, batch: &RecordBatch, held: &[usize]) -> Result<()> {
        let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
        for (n, column) in batch.columns().iter().enumerate() {
            let column = match held.contains(&n) {
                true => column.clone(),
                false => arrow_array::new_null_array(&DataType::Null, batch.num_rows()),
            };
            fields.push(Field::new(n.to_string(), column.data_type().clone(), true));
            columns.push(column);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        self.parts.push(RecordBatch::try_new_with_options(Schema::new(fields).into(), columns, &options)?);
        Ok(())
    }

    /// The column at that position, with the picked rows or all.
    fn column(&self, place: usize, picked: Option<&[usize]>, name: &str) -> Result<ArrayRef> {
        let parts: Vec<&dyn Array> = self.parts.iter().map(|part| part.column(place).as_ref()).collect();
        let taken = guarded(|| match (&parts[..], picked) {
            ([only], None) => Ok(only.slice(0, only.len())),
            (_, None) => concat(&parts),
            ([only], Some(picked)) => take(
                only.slice(0, only.len()).as_ref(),
                &UInt64Array::from_iter_values(picked.iter().map(|row| *row as u64)),
                None,
            ),
            (_, Some(picked)) => {
                let mut starts = vec![0];
                for part in &parts {
                    starts.push(starts[starts.len() - 1] + part.len());
                }
                let place = |row: &usize| {
                    let part = starts.partition_point(|start| start <= row) - 1;
                    (part, row - starts[part])
                };
                interleave(&parts, &picked.iter().map(place).collect::<Vec<_>>())
            }
        });
        taken.map_err(|error| too_large(name, &error))
    }
}

/// Arrow counts the items of some columns in 31 bits, which rows in one piece may exceed.
pub fn too_large(name: &str, error: &ArrowError) -> anyhow::Error {
    anyhow!("column {name}: its rows do not fit in one piece: {error}")
}

/// A batch without rows.
pub fn nothing(schema: &SchemaRef) -> RecordBatch {
    RecordBatch::new_empty(schema.clone())
}

/// Checks that results can have passed-through columns.
pub fn check_carried(kernel: &Kernel, carried: bool) -> Result<()> {
    ensure!(
        !carried || kernel.rows != RowShape::Made,
        "--carry: the rows that {} returns belong to no row of the input",
        kernel.name
    );
    Ok(())
}
