//! A miniature host: uses the extension as SQL Server's host does, as a library loaded at run time and called through C
//! pointers.
//!
//! It serves the command `hart`, the tests, the benches and the fuzzers, and is deliberately unkind: what it lends is
//! at odd addresses, and overwritten and freed after the call; NOT NULL columns of fixed width come without indicators;
//! and everything it receives is checked first.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::columns::{Buffer, CType, Field, ResultColumn, ResultField};
use crate::convert::ParamField;
use crate::sys::{SQL_NULL_DATA, SQL_PARAM_INPUT_OUTPUT, SQL_SUCCESS, SqlGuid, SqlPointer};

/// Why the local host gave up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// The extension refused a call and has written the reason to stderr.
    #[error("{0} failed")]
    Refused(&'static str),
    /// The library cannot be used.
    #[error("{0}")]
    Library(String),
    /// The extension broke the contract.
    #[error("the extension broke its contract: {0}")]
    Contract(String),
    /// More columns, parameters or bytes than the ABI can express.
    #[error("too many columns, parameters or bytes for one call: {0}")]
    TooMany(#[from] std::num::TryFromIntError),
}

type Result<T> = std::result::Result<T, LocalError>;

/// Returns a broken-contract error if a condition does not hold.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(LocalError::Contract(format!($($message)+)));
        }
    };
}

/// Column values beyond this many bytes are not copied for a call, so that memory holds them only once.
pub const LARGE: usize = 64 << 20;

/// A column of a chunk as the host holds it, laid out as in [`crate::columns`].
#[derive(Clone, Debug, PartialEq)]
pub struct HostColumn {
    /// Type.
    pub ctype: CType,
    /// Values.
    pub bytes: Vec<u8>,
    /// Byte lengths, −1 for NULL.
    pub indicators: Vec<i32>,
}

/// The result of a chunk.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Rows.
    pub rows: usize,
    /// Types of the columns.
    pub fields: Vec<ResultField>,
    /// Values.
    pub columns: Vec<ResultColumn>,
}

type Init = unsafe extern "C" fn(*const u8, u64, *const u8, u64, *const u8, u64, *const u8, u64) -> i16;
type InitSession =
    unsafe extern "C" fn(SqlGuid, u16, u16, *const u8, u64, u16, u16, *const u8, u16, *const u8, u16) -> i16;
type InitColumn =
    unsafe extern "C" fn(SqlGuid, u16, u16, *const u8, i16, i16, u64, i16, i16, i16, i16) -> i16;
type InitParam =
    unsafe extern "C" fn(SqlGuid, u16, u16, *const u8, i16, i16, u64, i16, SqlPointer, i32, i16) -> i16;
type Execute = unsafe extern "C" fn(SqlGuid, u16, u64, *const SqlPointer, *const *mut i32, *mut u16) -> i16;
type GetResultColumn = unsafe extern "C" fn(SqlGuid, u16, u16, *mut i16, *mut u64, *mut i16, *mut i16) -> i16;
type GetResults =
    unsafe extern "C" fn(SqlGuid, u16, *mut u64, *mut *mut SqlPointer, *mut *mut *mut i32) -> i16;
type GetOutputParam = unsafe extern "C" fn(SqlGuid, u16, u16, *mut SqlPointer, *mut i32) -> i16;
type CleanupSession = unsafe extern "C" fn(SqlGuid, u16) -> i16;
type Plain = unsafe extern "C" fn() -> i16;
type GetInterfaceVersion = unsafe extern "C" fn() -> u16;

/// The loaded extension, between Init and Cleanup, which dropping it calls. One at a time per process: loading the same
/// file again shares its state.
pub struct Extension {
    library: libloading::Library,
    sessions: AtomicU32,
}

/// One session of the extension.
pub struct AbiSession<'a> {
    extension: &'a Extension,
    id: SqlGuid,
    fields: Vec<Field>,
    params: Vec<ParamField>,
    results: Vec<ResultField>,
    /// Varies the odd addresses from chunk to chunk.
    turn: usize,
}

/// Memory that the host lends for one call: at an odd address, and overwritten before it is freed.
struct Lent {
    bytes: Vec<u8>,
    start: usize,
}

impl Lent {
    fn new(value: &[u8], turn: usize) -> Lent {
        let mut bytes = vec![0xA5; value.len() + 16];
        let aligned = bytes.as_ptr().align_offset(8) % 8;
        let start = aligned + [1, 3, 5, 7][turn % 4];
        bytes[start..start + value.len()].copy_from_slice(value);
        Lent { bytes, start }
    }

    fn pointer(&mut self) -> *mut u8 {
        self.bytes[self.start..].as_mut_ptr()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // A kept pointer then reads nonsense instead of the old values; `black_box` keeps the writes.
        self.bytes.fill(0xA5);
        std::hint::black_box(&self.bytes);
    }
}

/// A chunk's columns in memory lent to the extension.
pub struct LentChunk {
    rows: u64,
    data: Vec<Lent>,
    indicators: Vec<Option<Lent>>,
}

impl LentChunk {
    /// Copies the columns; `turn` varies their addresses, and whether optional indicators are left out.
    pub fn new(rows: usize, columns: &[HostColumn], turn: usize) -> LentChunk {
        LentChunk::lend(rows, columns, turn, |column| &column.bytes)
    }

    /// The same with `copied` applied to each column's values.
    fn lend(
        rows: usize,
        columns: &[HostColumn],
        turn: usize,
        copied: impl Fn(&HostColumn) -> &[u8],
    ) -> LentChunk {
        let data = columns.iter().enumerate().map(|(i, c)| Lent::new(copied(c), turn + i)).collect();
        let indicators = columns.iter().map(|c| {
            // Hosts may omit the array for a column of fixed width without NULLs.
            let needed = c.ctype.fixed_size().is_none()
                || c.indicators.contains(&SQL_NULL_DATA)
                || turn.is_multiple_of(2);
            needed.then(|| Lent::new(bytemuck::cast_slice(&c.indicators), turn))
        });
        LentChunk { rows: rows as u64, data, indicators: indicators.collect() }
    }

    /// A column's values as the extension sees them.
    pub fn bytes(&self, column: usize) -> &[u8] {
        &self.data[column].bytes[self.data[column].start..]
    }
}

/// File name of the extension on this platform.
pub fn library_name() -> String {
    libloading::library_filename("hart_sqlhost").to_string_lossy().into_owned()
}

/// The extension in `folder`, where an installation puts it, or in `folder/deps`, where a build puts it.
///
/// # Errors
///
/// [`LocalError::Library`] if it is in neither.
pub fn find_library(folder: &Path) -> Result<PathBuf> {
    let places = [folder.join(library_name()), folder.join("deps").join(library_name())];
    // A build may refresh one and leave an older copy in the other.
    let age = |p: &PathBuf| p.metadata().and_then(|m| m.modified()).ok();
    let found = places.into_iter().filter(|p| p.is_file()).max_by_key(age);
    found.ok_or_else(|| LocalError::Library(format!("{} is not in {}", library_name(), folder.display())))
}

impl Extension {
    /// Loads the library and calls GetInterfaceVersion and Init; `parameters` are the language's.
    ///
    /// # Errors
    ///
    /// [`LocalError::Library`]; [`LocalError::Refused`] if Init fails.
    pub fn load(path: &Path, parameters: &str) -> Result<Extension> {
        // SAFETY: the library is this project's own; loading it runs no code beyond the standard library's.
        let library = unsafe { libloading::Library::new(path) };
        let library =
            library.map_err(|e| LocalError::Library(format!("cannot load {}: {e}", path.display())))?;
        let extension = Extension { library, sessions: AtomicU32::new(0) };
        // SAFETY: the ABI gives the function this signature.
        let version = unsafe { (extension.function::<GetInterfaceVersion>("GetInterfaceVersion")?)() };
        if version == 0 {
            return Err(LocalError::Refused("GetInterfaceVersion"));
        }
        ensure!((1..=3).contains(&version), "{}: interface version {version}", path.display());
        let mut lent = Lent::new(parameters.as_bytes(), 0);
        let length = parameters.len() as u64;
        // SAFETY: the ABI gives the function this signature; pointers are valid for their lengths, or null with length
        // 0.
        let code = unsafe {
            let init = extension.function::<Init>("Init")?;
            init(lent.pointer(), length, null(), 0, null(), 0, null(), 0)
        };
        check("Init", code)?;
        Ok(extension)
    }

    /// # Safety
    ///
    /// `T` is the type of the exported function `name`; all callers are in this file and take it from the ABI.
    unsafe fn function<T: Copy>(&self, name: &'static str) -> Result<T> {
        // SAFETY: the caller guarantees that `T` is the type of the exported function `name`.
        let symbol = unsafe { self.library.get::<T>(name.as_bytes()) };
        let symbol =
            symbol.map_err(|_| LocalError::Library(format!("the library exports no function {name}")))?;
        Ok(*symbol)
    }

    /// Opens a session: InitSession, InitColumn and InitParam.
    ///
    /// # Errors
    ///
    /// [`LocalError::Refused`] if the extension refuses one of them.
    pub fn open(&self, script: &str, fields: Vec<Field>, params: Vec<ParamField>) -> Result<AbiSession<'_>> {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        let id = SqlGuid { data1: number, data2: 0x4841, data3: 0x5254, data4: *b"localrun" };
        let (mut text, mut input, mut output) =
            (Lent::new(script.as_bytes(), 1), Lent::new(b"InputDataSet", 2), Lent::new(b"OutputDataSet", 3));
        let (columns, parameters) = (u16::try_from(fields.len())?, u16::try_from(params.len())?);
        let length = script.len() as u64;
        // SAFETY: the ABI gives the function this signature; pointers are valid for their lengths during the call.
        let code = unsafe {
            let open = self.function::<InitSession>("InitSession")?;
            open(
                id,
                0,
                1,
                text.pointer(),
                length,
                columns,
                parameters,
                input.pointer(),
                12,
                output.pointer(),
                13,
            )
        };
        check("InitSession", code)?;
        // From here on, dropping the session closes it.
        let session = AbiSession { extension: self, id, fields, params, results: Vec::new(), turn: 0 };
        session.declare()?;
        Ok(session)
    }
}

impl Drop for Extension {
    fn drop(&mut self) {
        // SAFETY: the ABI gives the function this signature.
        if let Ok(cleanup) = unsafe { self.function::<Plain>("Cleanup") } {
            // SAFETY: no session is open, because sessions borrow the extension.
            unsafe { cleanup() };
        }
    }
}

fn check(function: &'static str, code: i16) -> Result<()> {
    if code == SQL_SUCCESS { Ok(()) } else { Err(LocalError::Refused(function)) }
}

impl AbiSession<'_> {
    fn declare(&self) -> Result<()> {
        for (number, field) in self.fields.iter().enumerate() {
            let mut name = Lent::new(field.name.as_bytes(), number);
            let partition = if field.partition { 0 } else { -1 };
            let length = i16::try_from(field.name.len())?;
            // SAFETY: the ABI gives the function this signature; the name is valid for its length during the call.
            let code = unsafe {
                let declare = self.extension.function::<InitColumn>("InitColumn")?;
                let (code, size, digits) = (field.ctype.code(), field.size, field.digits);
                declare(
                    self.id,
                    0,
                    number as u16,
                    name.pointer(),
                    length,
                    code,
                    size,
                    digits,
                    1,
                    partition,
                    -1,
                )
            };
            check("InitColumn", code)?;
        }
        for (number, param) in self.params.iter().enumerate() {
            let shown = format!("@{}", param.name);
            let mut name = Lent::new(shown.as_bytes(), number);
            let mut value = param.value.as_ref().map(|v| Lent::new(v, number + 1));
            let pointer = value.as_mut().map_or(null_mut(), Lent::pointer);
            let length = match &param.value {
                None => SQL_NULL_DATA,
                Some(v) => i32::try_from(v.len())?,
            };
            let direction = if param.output { SQL_PARAM_INPUT_OUTPUT } else { 1 };
            // SAFETY: the ABI gives the function this signature; name and value are valid for their lengths during the
            // call.
            let code = unsafe {
                let declare = self.extension.function::<InitParam>("InitParam")?;
                let (size, digits) = (param.size, param.digits);
                let (type_code, pointer) = (param.ctype.code(), pointer.cast::<c_void>());
                let name_length = i16::try_from(shown.len())?;
                declare(
                    self.id,
                    0,
                    number as u16,
                    name.pointer(),
                    name_length,
                    type_code,
                    size,
                    digits,
                    pointer,
                    length,
                    direction,
                )
            };
            check("InitParam", code)?;
        }
        Ok(())
    }

    /// Execute, GetResultColumn (after the first chunk) and GetResults, on a copy of the columns that is overwritten
    /// and freed before the result is read. Only values of more than [`LARGE`] bytes are lent without a copy.
    ///
    /// # Errors
    ///
    /// [`LocalError::Refused`]; [`LocalError::Contract`] if the ABI does not allow the result.
    pub fn execute(&mut self, rows: usize, columns: &[HostColumn]) -> Result<Chunk> {
        let copied = |column: &HostColumn| column.bytes.len() <= LARGE;
        let part = |column: &HostColumn| if copied(column) { column.bytes.len() } else { 0 };
        let mut chunk = LentChunk::lend(rows, columns, self.turn + 1, |column| &column.bytes[..part(column)]);
        let own =
            |n: usize| Some(&columns[n]).filter(|column| !copied(column)).map(|column| column.bytes.as_ptr());
        let count = self.execute_at(&mut chunk, own)?;
        drop(chunk);
        self.turn += 1;
        if self.turn == 1 {
            self.results = (0..count).map(|n| self.result_field(n)).collect::<Result<_>>()?;
        }
        ensure!(
            self.results.len() == usize::from(count),
            "the extension changed its number of result columns"
        );
        self.results()
    }

    /// Execute alone, on memory that is lent repeatedly: for benchmarks. Returns the number of result columns.
    ///
    /// # Errors
    ///
    /// [`LocalError::Refused`].
    pub fn execute_lent(&self, chunk: &mut LentChunk) -> Result<u16> {
        self.execute_at(chunk, |_| None)
    }

    /// Execute on a chunk; where `own` returns a pointer, the column's values are there instead.
    fn execute_at(&self, chunk: &mut LentChunk, own: impl Fn(usize) -> Option<*const u8>) -> Result<u16> {
        let data = chunk.data.iter_mut().enumerate();
        let pointers: Vec<SqlPointer> = data
            .map(|(n, lent)| own(n).map_or_else(|| lent.pointer(), |own| own.cast_mut()).cast())
            .collect();
        let indicators: Vec<*mut i32> = chunk
            .indicators
            .iter_mut()
            .map(|i| i.as_mut().map_or(null_mut(), |i| i.pointer().cast()))
            .collect();
        let mut count = u16::MAX;
        // SAFETY: one pointer per column; the chunk, and the values that the caller of this function holds, outlive the
        // call, during which the extension only reads input, as the ABI demands.
        let code = unsafe {
            let execute = self.extension.function::<Execute>("Execute")?;
            execute(self.id, 0, chunk.rows, pointers.as_ptr(), indicators.as_ptr(), &mut count)
        };
        check("Execute", code)?;
        Ok(count)
    }

    fn result_field(&self, number: u16) -> Result<ResultField> {
        let (mut code, mut size, mut digits, mut nullable) = (i16::MAX, u64::MAX, i16::MAX, i16::MAX);
        // SAFETY: the ABI gives the function this signature; the out pointers are to live variables.
        let result = unsafe {
            let describe = self.extension.function::<GetResultColumn>("GetResultColumn")?;
            describe(self.id, 0, number, &mut code, &mut size, &mut digits, &mut nullable)
        };
        check("GetResultColumn", result)?;
        let ctype = CType::from_code(code);
        let ctype =
            ctype.ok_or_else(|| LocalError::Contract(format!("result column {number}: C type {code}")))?;
        ensure!(nullable == 0 || nullable == 1, "result column {number}: Nullable {nullable} is not 0 or 1");
        ensure!((1..=i32::MAX as u64).contains(&size), "result column {number}: ColumnSize {size}");
        if let Some(fixed) = ctype.fixed_size().filter(|_| ctype != CType::Numeric) {
            ensure!(size == fixed as u64, "result column {number}: ColumnSize {size} of {}", ctype.name());
        }
        Ok(ResultField { name: String::new(), ctype, size, digits })
    }

    /// GetResults, copied; empty columns before the first chunk of [`AbiSession::execute`], which queries their types.
    ///
    /// # Errors
    ///
    /// As [`AbiSession::execute`].
    pub fn results(&self) -> Result<Chunk> {
        let (mut rows, mut data, mut indicators) = (u64::MAX, null_mut(), null_mut());
        // SAFETY: the ABI gives the function this signature; the out pointers are to live variables.
        let code = unsafe {
            let results = self.extension.function::<GetResults>("GetResults")?;
            results(self.id, 0, &mut rows, &mut data, &mut indicators)
        };
        check("GetResults", code)?;
        let rows = usize::try_from(rows)?;
        let mut columns = Vec::with_capacity(self.results.len());
        for (n, field) in self.results.iter().enumerate() {
            if rows == 0 {
                columns.push(ResultColumn { data: Buffer::Bytes(Vec::new()), indicators: Vec::new() });
                continue;
            }
            // SAFETY: the extension returns one pointer per column, and `rows` indicators each, valid until the next
            // call.
            let (start, lengths) = unsafe {
                ensure!(!data.is_null() && !indicators.is_null(), "GetResults gave no columns");
                let lengths: *mut i32 = *indicators.add(n);
                ensure!(!lengths.is_null(), "result column {n} has no indicators");
                (*data.add(n), std::slice::from_raw_parts(lengths, rows).to_vec())
            };
            for (row, length) in lengths.iter().enumerate() {
                let good = match field.ctype.fixed_size() {
                    Some(size) => *length as usize == size,
                    None => (0..=field.size as i64).contains(&i64::from(*length)),
                };
                ensure!(
                    good || *length == SQL_NULL_DATA,
                    "result column {n}, row {}: indicator {length} of {}",
                    row + 1,
                    field.ctype.name()
                );
            }
            let bytes = match field.ctype.fixed_size() {
                Some(size) => {
                    ensure!(
                        start.align_offset(size.next_power_of_two().min(8)) == 0 || size == 19 || size == 6,
                        "result column {n} is not aligned"
                    );
                    rows * size
                }
                None => lengths.iter().map(|l| (*l).max(0) as usize).sum(),
            };
            ensure!(bytes == 0 || !start.is_null(), "result column {n} has no data");
            let value = if bytes == 0 {
                Vec::new()
            } else {
                // SAFETY: not null; the extension returns as many bytes as the type or the indicators say.
                unsafe { std::slice::from_raw_parts(start.cast::<u8>(), bytes) }.to_vec()
            };
            columns.push(ResultColumn { data: Buffer::Bytes(value), indicators: lengths });
        }
        Ok(Chunk { rows, fields: self.results.clone(), columns })
    }

    /// GetOutputParam for every OUTPUT parameter: the parameters with their returned values.
    ///
    /// # Errors
    ///
    /// As [`AbiSession::execute`].
    pub fn output_params(&self) -> Result<Vec<ParamField>> {
        let mut out = Vec::new();
        for (number, param) in self.params.iter().enumerate().filter(|(_, p)| p.output) {
            let (mut value, mut length) = (null_mut(), i32::MIN);
            // SAFETY: the ABI gives the function this signature; the out pointers are to live variables.
            let code = unsafe {
                let get = self.extension.function::<GetOutputParam>("GetOutputParam")?;
                get(self.id, 0, number as u16, &mut value, &mut length)
            };
            check("GetOutputParam", code)?;
            let bytes = match usize::try_from(length) {
                Err(_) => None,
                Ok(length) => {
                    ensure!(!value.is_null(), "@{}: no value for {length} bytes", param.name);
                    // SAFETY: not null; by the ABI the extension returns `length` bytes, valid until CleanupSession.
                    Some(unsafe { std::slice::from_raw_parts(value.cast::<u8>(), length) }.to_vec())
                }
            };
            out.push(ParamField { value: bytes, ..param.clone() });
        }
        Ok(out)
    }
}

impl Drop for AbiSession<'_> {
    fn drop(&mut self) {
        // SAFETY: the ABI gives the function this signature.
        if let Ok(close) = unsafe { self.extension.function::<CleanupSession>("CleanupSession") } {
            // SAFETY: the arguments are plain values; the extension accepts an unknown session.
            unsafe { close(self.id, 0) };
        }
    }
}
