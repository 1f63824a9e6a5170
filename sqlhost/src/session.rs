//! One session: the host's declarations, the current chunk, and the results that the host may read.

use hart_kernels::registry::{
    self, Call, Kernel, Origin, Output, Params, ResultVectors, RowShape, Streaming, Value, Values,
};
use hart_kernels::{Compute, Error, PackedVectors, Pool, text};

use crate::bind::Binding;
use crate::columns::{
    Buffer, CType, ColumnData, Field, LARGE_OBJECT, LONGEST_IN_ROW, ResultColumn, ResultField, is_true, take,
    taken,
};
use crate::convert::{self, ParamField};
use crate::in_sql::InSql;
use crate::rows_json;
use crate::settings::Settings;
use crate::sys::SQL_NULL_DATA;

/// Why a call failed: the host called out of order or out of range, or the kernel returned an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A call out of order, or with a number that does not exist.
    #[error("{0}")]
    Call(String),
    /// An error of the kernel or the binding.
    #[error("{}", InSql(.0))]
    Kernel(Error),
}

/// Not thiserror's `from`, which makes the error its own cause: a chain of causes would print its text twice.
impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Kernel(error)
    }
}

fn call_fault<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Call(message.into()))
}

/// Parameter by which SQL Server streams; meaningless to a kernel.
const ROWS_PER_READ: &str = "r_rowsPerRead";
/// Parameter that every kernel offers: the format of result vectors, `packed` or `json`; that of the input if it is
/// NULL.
pub const RESULT_VECTORS: &str = ResultVectors::PARAMETER;
/// OUTPUT parameters that every kernel offers: rows seen and rows returned so far.
pub const ROWS_IN: &str = "rows_in";
/// See [`ROWS_IN`].
pub const ROWS_OUT: &str = "rows_out";
pub use crate::rows_json::ROWS_JSON;

/// A session for one task.
#[derive(Debug)]
pub struct Session {
    kernel: &'static Kernel,
    fields: Vec<Option<Field>>,
    params: Vec<Option<ParamField>>,
    /// Set by the first chunk.
    bound: Option<Bound>,
    /// Rows and columns of the last chunk; `None` if it failed.
    results: Option<(usize, Vec<ResultColumn>)>,
    counters: Counters,
    /// Maximum bytes declared for a result column without its own limit.
    longest: u64,
    /// The rows of all chunks, if [`ROWS_JSON`] asks for them.
    rows: Option<rows_json::Rows>,
}

/// Columns and parameters, after all have been declared.
#[derive(Debug)]
struct Bound {
    binding: Binding,
    params: Params,
    fields: Vec<Field>,
}

/// Counters of a session's work so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Rows given to Execute.
    pub rows_in: u64,
    /// Rows returned.
    pub rows_out: u64,
    /// Calls of Execute.
    pub chunks: u64,
}

impl Session {
    /// Starts a session for the kernel that `script` names, with slots for its columns and parameters.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownKernel`].
    pub fn new(script: &str, columns: u16, params: u16) -> Result<Session, Fault> {
        Ok(Session {
            kernel: registry::find(script)?,
            fields: vec![None; columns.into()],
            params: vec![None; params.into()],
            bound: None,
            results: None,
            counters: Counters::default(),
            longest: LARGE_OBJECT,
            rows: None,
        })
    }

    /// Declares result columns without their own limit with at most that many bytes. Call before [`Session::prepare`].
    pub fn limit_columns(&mut self, longest: u64) {
        self.longest = longest;
    }

    /// The kernel.
    pub fn kernel(&self) -> &'static Kernel {
        self.kernel
    }

    /// The counters so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// `InitColumn`.
    ///
    /// # Errors
    ///
    /// [`Fault::Call`] for a number out of range, a column declared twice, or one declared after Execute.
    pub fn declare_column(&mut self, number: u16, field: Field) -> Result<(), Fault> {
        let count = self.fields.len();
        declare(&mut self.fields, number.into(), field, "column", count, self.bound.is_some())
    }

    /// `InitParam`.
    ///
    /// # Errors
    ///
    /// [`Fault::Call`] as for columns; [`Error::ParameterValue`] for an OUTPUT parameter whose type cannot hold its
    /// value.
    pub fn declare_param(&mut self, number: u16, param: ParamField) -> Result<(), Fault> {
        if is_counter(&param) && convert::count_as(param.ctype, 0).is_none() {
            return Err(Fault::Kernel(Error::ParameterValue {
                name: param.name,
                value: param.ctype.name().into(),
                expected: "bigint, int or float".into(),
            }));
        }
        if is_rows_json(&param) {
            if !param.output || !matches!(param.ctype, CType::Char | CType::WChar) {
                return Err(Fault::Kernel(Error::ParameterValue {
                    name: param.name,
                    value: format!(
                        "{}{}",
                        param.ctype.name(),
                        if param.output { "" } else { " and not OUTPUT" }
                    ),
                    expected: "varchar(max) or nvarchar(max), OUTPUT".into(),
                }));
            }
            self.rows = Some(rows_json::Rows::default());
        }
        let count = self.params.len();
        declare(&mut self.params, number.into(), param, "parameter", count, self.bound.is_some())
    }

    /// Binds columns and parameters on the first call, and returns the input columns.
    ///
    /// # Errors
    ///
    /// [`Fault::Call`] where a column or parameter was never declared; the kernel's errors about columns and
    /// parameters.
    pub fn prepare(&mut self) -> Result<&[Field], Fault> {
        let bound = match self.bound.take() {
            Some(bound) => bound,
            None => self.bind()?,
        };
        Ok(&self.bound.insert(bound).fields)
    }

    /// Drops the last chunk's results, so that a later failure leaves none.
    pub fn forget_results(&mut self) {
        self.results = None;
    }

    /// Checks the memory that `rows` rows take whatever their content: a host may claim any number. Call after
    /// [`Session::prepare`].
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] that names the limit.
    pub fn check_rows(&self, settings: &Settings, rows: u64) -> Result<(), Fault> {
        let Some(Bound { binding, fields, .. }) = &self.bound else { return Ok(()) };
        // Lengths of every column, a declared column as its kernel takes it, a result with its lengths and during
        // conversion to the host's layout.
        let row = 4 * fields.len() + 24 * binding.declared.len() + 12 * binding.results.len();
        check_memory(
            &format!("a chunk of {rows} rows"),
            rows.saturating_mul(row as u64),
            settings.memory_limit(),
        )
    }

    /// `Execute`: computes a chunk. The data is used during the call only. Returns the number of result columns.
    ///
    /// # Errors
    ///
    /// As [`Session::prepare`]; the kernel's errors about rows.
    pub fn execute(
        &mut self,
        settings: &Settings,
        pool: &Pool,
        rows: usize,
        data: &[ColumnData<'_>],
    ) -> Result<u16, Fault> {
        self.forget_results();
        // Each partition is a separate call.
        let partitioned = self.prepare()?.iter().any(|field| field.partition);
        self.check_rows(settings, rows as u64)?;
        if let Streaming::Whole(what) = self.kernel.streaming
            && rows > 0
            && self.counters.rows_in > 0
            && !partitioned
        {
            return Err(Fault::Kernel(Error::ParameterValue {
                name: ROWS_PER_READ.into(),
                value: self.counters.rows_in.to_string(),
                expected: format!("not to be given: {} needs {what} in one chunk", self.kernel.name),
            }));
        }
        let mut results = self.compute(settings, pool, rows, data)?;
        let returned = results.0 as u64;
        if let (Some(json), Some(Bound { binding, .. })) = (&mut self.rows, &self.bound) {
            json.append(&binding.results, &results.1, results.0)?;
            check_memory(&format!("the rows in @{ROWS_JSON}"), json.bytes(), settings.memory_limit())?;
            results = (0, Vec::new());
        }
        self.counters.rows_in += rows as u64;
        self.counters.rows_out += returned;
        self.counters.chunks += 1;
        let columns = results.1.len();
        self.results = Some(results);
        // A u16 counts the inputs, and a kernel declares only a few results.
        Ok(u16::try_from(columns).unwrap_or(u16::MAX))
    }

    /// Rows and columns of a chunk's result.
    fn compute(
        &self,
        settings: &Settings,
        pool: &Pool,
        rows: usize,
        data: &[ColumnData<'_>],
    ) -> Result<(usize, Vec<ResultColumn>), Fault> {
        let Some(Bound { binding, params, fields }) = &self.bound else {
            return call_fault("Execute unprepared");
        };
        let kernel = self.kernel;
        let later = |e: Error| e.after_rows(self.counters.rows_in);
        for (position, (field, data)) in fields.iter().zip(data).enumerate() {
            data.check(field, position, rows).map_err(later)?;
        }
        let limit = settings.memory_limit();
        check_conversion(kernel, binding, params, fields, data, limit)?;
        let output = pool.run(settings.threads, || {
            let inputs = binding.inputs(kernel, params, fields, data, rows)?;
            let call = Call::new(kernel, rows, inputs, params.clone(), Compute::new())?;
            (kernel.run)(&call.memory_limit(limit))
        });
        let output = output.map_err(later)?;
        let result_rows = match (&output.picked, kernel.rows, output.columns.first()) {
            (Some(picked), _, _) => picked.len(),
            (None, RowShape::Made, Some(_)) => made_rows(&output),
            _ => rows,
        };
        Ok((result_rows, results(kernel, binding, fields, data, rows, output, [limit, self.longest])?))
    }

    fn bind(&self) -> Result<Bound, Fault> {
        let missing = |what: &str, n: usize| Fault::Call(format!("{what} number {n} was never declared"));
        let mut fields = Vec::with_capacity(self.fields.len());
        for (n, field) in self.fields.iter().enumerate() {
            fields.push(field.clone().ok_or_else(|| missing("column", n))?);
        }
        let mut given: Vec<(String, Value)> = Vec::new();
        for (n, param) in self.params.iter().enumerate() {
            let param = param.as_ref().ok_or_else(|| missing("parameter", n))?;
            if !param.name.eq_ignore_ascii_case(ROWS_PER_READ) && !is_counter(param) && !is_rows_json(param) {
                given.push((param.name.clone(), convert::param_value(param)?));
            }
        }
        let vectors = ResultVectors::take(&mut given)?;
        let params = Params::bind(self.kernel, &given)?;
        let mut binding = Binding::new(self.kernel, &params, vectors, &fields)?;
        let unlimited =
            |result: &&mut ResultField| result.ctype.fixed_size().is_none() && result.size > LONGEST_IN_ROW;
        for result in binding.results.iter_mut().filter(unlimited) {
            result.size = result.size.min(self.longest);
        }
        Ok(Bound { binding, params, fields })
    }

    /// `GetResultColumn`.
    ///
    /// # Errors
    ///
    /// [`Fault::Call`] before Execute and for a number out of range.
    pub fn result_field(&self, number: u16) -> Result<&ResultField, Fault> {
        let Some(Bound { binding, .. }) = &self.bound else {
            return call_fault("GetResultColumn before Execute");
        };
        let results = if self.rows.is_some() { &[][..] } else { &binding.results };
        let count = results.len();
        let found = results.get(usize::from(number));
        found.ok_or_else(|| Fault::Call(format!("result column {number} of {count}")))
    }

    /// `GetResults`: rows and columns of the last chunk.
    ///
    /// # Errors
    ///
    /// [`Fault::Call`] before Execute, and after a failed one.
    pub fn results(&self) -> Result<(usize, &[ResultColumn]), Fault> {
        match &self.results {
            Some((rows, columns)) => Ok((*rows, columns)),
            None => call_fault("GetResults without a successful Execute"),
        }
    }

    /// `GetOutputParam`: the value in the parameter's own type; `None` for NULL.
    ///
    /// Counters have their current values; every other parameter keeps its input value.
    ///
    /// # Errors
    ///
    /// [`Fault::Call`] for a number out of range and for a parameter that is not OUTPUT;
    /// [`Error::ParameterValue`] where the type is too small.
    pub fn output_param(&self, number: u16) -> Result<Option<Buffer>, Fault> {
        let count = self.params.len();
        let Some(Some(param)) = self.params.get(usize::from(number)) else {
            return call_fault(format!("parameter {number} of {count}"));
        };
        if !param.output {
            return call_fault(format!("parameter @{} is not OUTPUT", param.name));
        }
        if is_counter(param) {
            let named = param.name.eq_ignore_ascii_case(ROWS_IN);
            let rows = if named { self.counters.rows_in } else { self.counters.rows_out };
            let bytes = convert::count_as(param.ctype, rows).ok_or_else(|| Error::ParameterValue {
                name: param.name.clone(),
                value: format!("{rows} rows"),
                expected: "a type that holds it: bigint".into(),
            })?;
            return Ok(Some(Buffer::aligned(&bytes)));
        }
        if let Some(json) = self.rows.as_ref().filter(|_| is_rows_json(param)) {
            let text = json.text();
            return Ok(Some(Buffer::Bytes(match param.ctype {
                CType::WChar => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                _ => text.into_bytes(),
            })));
        }
        let empty_numeric = |v: &&Vec<u8>| !(param.ctype == CType::Numeric && v.first() == Some(&0));
        let value = param.value.as_ref().filter(empty_numeric);
        Ok(value.map(|v| match (param.ctype, v.first()) {
            (CType::Bit, Some(byte)) => Buffer::aligned(&[u8::from(is_true(*byte))]),
            _ => Buffer::aligned(v),
        }))
    }
}

fn is_counter(param: &ParamField) -> bool {
    param.output && [ROWS_IN, ROWS_OUT].iter().any(|name| param.name.eq_ignore_ascii_case(name))
}

fn is_rows_json(param: &ParamField) -> bool {
    param.name.eq_ignore_ascii_case(ROWS_JSON)
}

/// Stores a declaration in its slot.
fn declare<T>(
    places: &mut [Option<T>],
    number: usize,
    value: T,
    what: &str,
    count: usize,
    executed: bool,
) -> Result<(), Fault> {
    if executed {
        return call_fault(format!("{what} {number} declared after Execute"));
    }
    match places.get_mut(number) {
        None => call_fault(format!("{what} number {number} is out of range: {count} were announced")),
        Some(Some(_)) => call_fault(format!("{what} number {number} declared twice")),
        Some(place) => {
            *place = Some(value);
            Ok(())
        }
    }
}

/// Checks the memory for converting vectors and for passed-through columns; the kernel checks its own results.
fn check_conversion(
    kernel: &Kernel,
    binding: &Binding,
    params: &Params,
    fields: &[Field],
    data: &[ColumnData<'_>],
    limit: u64,
) -> Result<(), Fault> {
    let element = params.element();
    let width = element.width().bytes() as u64;
    let mut needed = 0u64;
    for &position in &binding.declared {
        let bytes = data[position].bytes.len() as u64;
        needed += match fields[position].ctype {
            CType::Binary if element.size() >= 4 => 0,
            CType::Binary => bytes * (4 / element.size() as u64),
            // A number and its comma take at least two characters; the blocks of a parallel parse are joined
            // afterwards.
            CType::Char => bytes * width,
            CType::WChar => bytes / 2 + bytes / 2 * width,
            _ => 0,
        };
    }
    if kernel.rows == RowShape::Same {
        needed += binding.copied().map(|position| data[position].bytes.len() as u64).sum::<u64>();
    }
    check_memory("converting this chunk", needed, limit)
}

fn check_memory(what: &str, bytes: u64, limit: u64) -> Result<(), Fault> {
    if bytes <= limit { Ok(()) } else { Err(Error::Memory { what: what.into(), bytes, limit }.into()) }
}

/// Rows of an output that come from no input row.
fn made_rows(output: &Output) -> usize {
    output.columns.first().map_or(0, Values::len)
}

/// The kernel's output and the passed-through columns in the host's layout.
fn results(
    kernel: &Kernel,
    binding: &Binding,
    fields: &[Field],
    data: &[ColumnData<'_>],
    rows: usize,
    output: Output,
    [limit, longest]: [u64; 2],
) -> Result<Vec<ResultColumn>, Fault> {
    // Partition columns have one value per partition, so its first row provides them for rows that the kernel made.
    let first = (kernel.rows == RowShape::Made).then(|| vec![0; made_rows(&output)]);
    let picked = first.as_deref().or(output.picked.as_deref());
    let carry = |position: usize| match &first {
        Some(made) if rows == 0 => nulls(&fields[position], made.len()),
        _ => take(&fields[position], &data[position], rows, picked),
    };
    if let Some(picked) = output.picked.as_deref() {
        // A search may pick a row many times.
        let copied = binding.copied();
        let bytes: u64 = copied.map(|position| taken(&fields[position], &data[position], picked)).sum();
        check_memory("what is copied of the rows found", bytes, limit)?;
    }
    let mut computed = output.columns.into_iter();
    let mut out = Vec::with_capacity(binding.results.len());
    for (origin, result) in binding.origins.iter().zip(&binding.results) {
        out.push(match origin {
            Origin::Input(position) => carry(*position),
            Origin::Computed => {
                let next = computed.next().map(|values| lay_out(values, result.ctype));
                next.ok_or_else(|| Fault::Call(format!("{} gave no column {}", kernel.name, result.name)))?
            }
        });
    }
    // A length beyond the declared size would be a protocol error of the host; fixed types have no such size.
    let sized = |r: &ResultField| r.ctype.fixed_size().is_none();
    for (made, result) in out.iter().zip(&binding.results).filter(|(_, r)| sized(r)) {
        if let Some(row) = made.indicators.iter().position(|l| *l as i64 > result.size as i64) {
            return call_fault(format!(
                "result column {}, row {}: {} bytes are more than the {} declared{}",
                result.name,
                row + 1,
                made.indicators[row],
                result.size,
                if result.size > LONGEST_IN_ROW || result.size == longest {
                    ": raise max_column_bytes"
                } else {
                    ""
                }
            ));
        }
    }
    Ok(out)
}

/// A column without values.
fn nulls(field: &Field, rows: usize) -> ResultColumn {
    // A uniqueidentifier becomes text, which takes no bytes for NULL.
    let size = if field.ctype == CType::Guid { 0 } else { field.ctype.fixed_size().unwrap_or(0) };
    let bytes = vec![0; size * rows];
    ResultColumn { data: Buffer::aligned(&bytes), indicators: vec![SQL_NULL_DATA; rows] }
}

fn lay_out(values: Values, ctype: CType) -> ResultColumn {
    match values {
        // SQL Server's FLOAT cannot hold NaN or infinity: they become NULL, as in Microsoft's Python extension.
        Values::Float(values) => {
            fixed(values.into_iter().map(|v| v.filter(|v| v.is_finite()).map(f64::to_le_bytes)))
        }
        Values::Int(values) => fixed(values.into_iter().map(|v| v.map(i32::to_le_bytes))),
        Values::BigInt(values) => fixed(values.into_iter().map(|v| v.map(i64::to_le_bytes))),
        Values::Binary(values) => packed(values.into_iter()),
        Values::Packed(values) => {
            ResultColumn { data: Buffer::Bytes(values.bytes), indicators: values.lengths }
        }
        Values::Text(values) => packed(values.into_iter().map(|v| v.map(String::into_bytes))),
        Values::Vectors(vectors) if ctype == CType::Binary => {
            ResultColumn { data: Buffer::Bytes(vectors.bytes), indicators: vectors.lengths }
        }
        Values::Vectors(vectors) => json(&vectors),
    }
}

fn fixed<const N: usize>(values: impl ExactSizeIterator<Item = Option<[u8; N]>>) -> ResultColumn {
    let mut indicators = Vec::with_capacity(values.len());
    let data = Buffer::aligned_with(values.len() * N, |bytes| {
        for (place, value) in bytes.as_chunks_mut::<N>().0.iter_mut().zip(values) {
            indicators.push(if value.is_some() { N as i32 } else { SQL_NULL_DATA });
            *place = value.unwrap_or([0; N]);
        }
    });
    ResultColumn { data, indicators }
}

fn packed(values: impl Iterator<Item = Option<Vec<u8>>>) -> ResultColumn {
    let mut bytes = Vec::new();
    let mut indicators = Vec::new();
    for value in values {
        // A length beyond 2³¹ exceeds any declared size, which `results` checks.
        indicators.push(value.as_ref().map_or(SQL_NULL_DATA, |v| i32::try_from(v.len()).unwrap_or(i32::MAX)));
        bytes.extend_from_slice(&value.unwrap_or_default());
    }
    ResultColumn { data: Buffer::Bytes(bytes), indicators }
}

fn json(vectors: &PackedVectors) -> ResultColumn {
    let mut out = String::new();
    let mut start = 0usize;
    let mut indicators = Vec::with_capacity(vectors.lengths.len());
    for length in &vectors.lengths {
        let Ok(length) = usize::try_from(*length) else {
            indicators.push(SQL_NULL_DATA);
            continue;
        };
        let before = out.len();
        let said = text::write_packed(vectors.element, &vectors.bytes[start..start + length], &mut out);
        start += length;
        let written = i32::try_from(out.len() - before).unwrap_or(i32::MAX);
        indicators.push(if said { written } else { SQL_NULL_DATA });
    }
    ResultColumn { data: Buffer::Bytes(out.into_bytes()), indicators }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_have_the_bytes_of_their_result() {
        for ctype in CType::ALL {
            let field = Field { name: String::new(), ctype, size: 40, digits: 0, partition: true };
            let made = nulls(&field, 3);
            let size = crate::columns::carried(&field, 0).ctype.fixed_size().unwrap_or(0);
            assert_eq!(
                (made.data.bytes().len(), made.indicators),
                (3 * size, vec![SQL_NULL_DATA; 3]),
                "{}",
                ctype.name()
            );
        }
    }
}
