//! The C functions that SQL Server's extension host calls, with order and types as in Microsoft's headers.
//!
//! Every function catches panics and turns every failure into `SQL_ERROR` and one line on stderr, which SQL Server
//! passes on to the client; with interface version 3 it is also an extended event.
#![allow(unsafe_code)]

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex, PoisonError};

use hart_kernels::Error;

use crate::columns::{CType, Field};
use crate::convert::ParamField;
use crate::host::{Host, Key, wire_field};
use crate::raw;
use crate::session::Fault;
use crate::sys::*;

static HOST: LazyLock<Host> = LazyLock::new(Host::default);
static LOG_EVENT: Mutex<Option<LogXEvent>> = Mutex::new(None);

const NO_SESSION: Key = (SqlGuid { data1: 0, data2: 0, data3: 0, data4: [0; 8] }, 0);

/// Runs an exported function's body: panics do not leave it, and every failure is reported.
fn guard(function: &str, key: Key, body: impl FnOnce() -> Result<(), Fault>) -> SqlReturn {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => SQL_SUCCESS,
        Ok(Err(fault)) => {
            report(function, key, &fault);
            SQL_ERROR
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            report(function, key, &Fault::Call(format!("internal error, please report it: {text}")));
            SQL_ERROR
        }
    }
}

/// One line on stderr, written at once, and an extended event if the host accepts them.
fn report(function: &str, key: Key, fault: &Fault) {
    let context = match fault {
        Fault::Kernel(_) => HOST.kernel_of(key).map(|kernel| format!("{kernel}: ")),
        Fault::Call(_) => Some(format!("{function}: ")),
    };
    // The remedy in this host's terms.
    let remedy = match fault {
        Fault::Kernel(Error::Memory { limit, .. })
            if HOST.settings().is_ok_and(|settings| settings.memory_limit() == *limit) =>
        {
            "; max_memory_mb or HART_MAX_MEMORY_MB sets it"
        }
        _ => "",
    };
    let code = match fault {
        Fault::Kernel(error) => i32::from(error.code()),
        Fault::Call(_) => 0,
    };
    // The number is for programs: hart.RethrowKernelError finds it at the end of the line.
    let number = if code == 0 { String::new() } else { format!(" [hart error {code}]") };
    let message =
        format!("hart: {}{fault}{remedy}{number}", context.unwrap_or_default()).replace(['\r', '\n'], " ");
    // Nothing can be done about a closed stderr.
    let _ = std::io::stderr().lock().write_all(format!("{message}\n").as_bytes());
    log_event(key, trace_level::ERROR, code, &message);
}

fn log_event(key: Key, level: u16, code: i32, message: &str) {
    let log = *LOG_EVENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(log) = log {
        const NAME: &str = "hart";
        // SAFETY: the host passed the function for this use; both texts live during the call and their lengths are
        // right.
        unsafe {
            log(
                NAME.as_ptr(),
                NAME.len() as u64,
                key.0,
                key.1,
                level,
                code,
                message.as_ptr(),
                message.len() as u64,
            );
        }
    }
}

/// The interface version: 2, or 3 if the settings ask for it. 0, which no host accepts, if they are invalid.
#[unsafe(no_mangle)]
pub extern "C" fn GetInterfaceVersion() -> u16 {
    let mut version = 0;
    guard("GetInterfaceVersion", NO_SESSION, || {
        version = HOST.interface_version()?;
        Ok(())
    });
    version
}

/// Starts the extension; `extension_params` are the language's PARAMETERS.
///
/// # Safety
///
/// Pointers are null or valid for the lengths beside them, as the host's ABI says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Init(
    extension_params: *const u8,
    extension_params_length: u64,
    _extension_path: *const u8,
    _extension_path_length: u64,
    _public_library_path: *const u8,
    _public_library_path_length: u64,
    _private_library_path: *const u8,
    _private_library_path_length: u64,
) -> SqlReturn {
    guard("Init", NO_SESSION, || {
        // SAFETY: the host guarantees that the pointer is null or valid for the length beside it.
        let parameters = unsafe { raw::text("PARAMETERS", extension_params, extension_params_length) }?;
        // Some hosts count a terminator.
        HOST.init(parameters.trim_end_matches('\0'))
    })
}

/// Takes the host's callbacks (interface version 3).
///
/// # Safety
///
/// `callbacks` is null or points at the structure that it describes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SetHostCallbacks(callbacks: *const HostCallbacks) -> SqlReturn {
    guard("SetHostCallbacks", NO_SESSION, || {
        HOST.settings()?;
        // SAFETY: the host guarantees that `callbacks` is null or points to the structure that it describes.
        let log = unsafe { raw::callbacks(callbacks) }?;
        *LOG_EVENT.lock().unwrap_or_else(PoisonError::into_inner) = log;
        Ok(())
    })
}

/// Opens a session: `script` names the kernel.
///
/// # Safety
///
/// Pointers are null or valid for the lengths beside them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitSession(
    session_id: SqlGuid,
    task_id: u16,
    _num_tasks: u16,
    script: *const u8,
    script_length: u64,
    input_schema_columns_number: u16,
    parameters_number: u16,
    _input_data_name: *const u8,
    _input_data_name_length: u16,
    _output_data_name: *const u8,
    _output_data_name_length: u16,
) -> SqlReturn {
    let key = (session_id, task_id);
    guard("InitSession", key, || {
        // SAFETY: the host guarantees that the pointer is null or valid for the length beside it.
        let script = unsafe { raw::text("@script", script, script_length) }?;
        HOST.open(key, script.trim_end_matches('\0'), input_schema_columns_number, parameters_number)
    })
}

/// A length that the ABI passes as a signed 16-bit number.
fn name_length(what: &str, length: i16) -> Result<u64, Fault> {
    u64::try_from(length).map_err(|_| Fault::Call(format!("{what}: a name of {length} bytes")))
}

fn ctype(what: &str, code: i16) -> Result<CType, Fault> {
    CType::from_code(code).ok_or_else(|| {
        let known: Vec<&str> = CType::ALL.iter().map(|t| t.name()).collect();
        Fault::Call(format!("{what}: unknown ODBC C type {code}; CAST it to one of {}", known.join(", ")))
    })
}

/// Declares an input column.
///
/// # Safety
///
/// `column_name` is null or valid for `column_name_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitColumn(
    session_id: SqlGuid,
    task_id: u16,
    column_number: u16,
    column_name: *const u8,
    column_name_length: i16,
    data_type: i16,
    column_size: u64,
    decimal_digits: i16,
    _nullable: i16,
    partition_by_number: i16,
    _order_by_number: i16,
) -> SqlReturn {
    let key = (session_id, task_id);
    guard("InitColumn", key, || {
        HOST.with(key, |slot| {
            let what = format!("column {column_number}");
            // SAFETY: the host guarantees that `column_name` is null or valid for its length.
            let name = unsafe { raw::name(&what, column_name, name_length(&what, column_name_length)?) }?;
            slot.session.declare_column(
                column_number,
                Field {
                    name: name.to_string(),
                    ctype: ctype(&format!("column {name}"), data_type)?,
                    size: column_size,
                    digits: decimal_digits,
                    partition: partition_by_number >= 0,
                },
            )
        })
    })
}

/// Declares a parameter and takes its value.
///
/// # Safety
///
/// `param_name` is null or valid for its length; `param_value` is null or points at one element of the type, or at
/// `strlen_or_ind` bytes of text or binary.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InitParam(
    session_id: SqlGuid,
    task_id: u16,
    param_number: u16,
    param_name: *const u8,
    param_name_length: i16,
    data_type: i16,
    param_size: u64,
    decimal_digits: i16,
    param_value: SqlPointer,
    strlen_or_ind: i32,
    input_output_type: i16,
) -> SqlReturn {
    let key = (session_id, task_id);
    guard("InitParam", key, || {
        HOST.with(key, |slot| {
            let what = format!("parameter {param_number}");
            // SAFETY: the host guarantees that `param_name` is null or valid for its length.
            let name = unsafe { raw::name(&what, param_name, name_length(&what, param_name_length)?) }?;
            let name = name.strip_prefix('@').unwrap_or(name);
            let ctype = ctype(&format!("parameter @{name}"), data_type)?;
            let length = match (strlen_or_ind, ctype.fixed_size()) {
                (SQL_NULL_DATA, _) => None,
                // The indicator of a fixed type may be 0 even if there is a value.
                (_, Some(size)) => Some(size as u64),
                (length, None) => Some(
                    u64::try_from(length)
                        .map_err(|_| Fault::Call(format!("parameter @{name}: a length of {length} bytes")))?,
                ),
            };
            let value = match length {
                None => None,
                // SAFETY: the host guarantees that `param_value` is null or points to one element of the type or to
                // `strlen_or_ind` bytes.
                Some(length) => Some(unsafe { raw::bytes(&what, param_value.cast(), length) }?.to_vec()),
            };
            slot.session.declare_param(
                param_number,
                ParamField {
                    name: name.to_string(),
                    ctype,
                    size: param_size,
                    digits: decimal_digits,
                    value,
                    output: input_output_type == SQL_PARAM_INPUT_OUTPUT,
                },
            )
        })
    })
}

/// Computes a chunk or partition.
///
/// # Safety
///
/// `data` and `strlen_or_ind` are null or hold one pointer for each declared column, valid as the ABI says until the
/// call returns; `output_schema_columns_number` is valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Execute(
    session_id: SqlGuid,
    task_id: u16,
    rows_number: u64,
    data: *const SqlPointer,
    strlen_or_ind: *const *mut i32,
    output_schema_columns_number: *mut u16,
) -> SqlReturn {
    let key = (session_id, task_id);
    guard("Execute", key, || {
        // SAFETY: the host guarantees that the out pointer is valid for a write. Written first, because it must be
        // written even on failure.
        let written = unsafe { raw::write("number of result columns", output_schema_columns_number, 0) };
        let settings = HOST.settings()?;
        let columns = HOST.with(key, |slot| {
            slot.handed.clear();
            slot.session.forget_results();
            written?;
            slot.session.prepare()?;
            slot.session.check_rows(&settings, rows_number)?;
            let fields = slot.session.prepare()?;
            // SAFETY: the host guarantees that both arrays are null or hold one valid pointer per declared column,
            // until the call returns.
            let (rows, columns) = unsafe { raw::columns(fields, rows_number, data, strlen_or_ind) }?;
            let count = slot.session.execute(&settings, &HOST.pool, rows, &columns)?;
            Ok((count, slot.session.counters()))
        });
        let (columns, counters) = columns?;
        // SAFETY: the host guarantees that the out pointer is valid for a write.
        unsafe { raw::write("number of result columns", output_schema_columns_number, columns) }?;
        let kernel = HOST.kernel_of(key).unwrap_or_default();
        let message = format!("{kernel}: chunk {} of {rows_number} rows", counters.chunks);
        log_event(key, trace_level::INFORMATION, 0, &message);
        Ok(())
    })
}

/// Describes a result column.
///
/// # Safety
///
/// The out pointers are valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetResultColumn(
    session_id: SqlGuid,
    task_id: u16,
    column_number: u16,
    data_type: *mut i16,
    column_size: *mut u64,
    decimal_digits: *mut i16,
    nullable: *mut i16,
) -> SqlReturn {
    let key = (session_id, task_id);
    guard("GetResultColumn", key, || {
        let write = |(code, size, digits): (i16, u64, i16)| {
            // SAFETY: the host guarantees that the out pointers are valid for writes.
            unsafe {
                raw::write("DataType", data_type, code)?;
                raw::write("ColumnSize", column_size, size)?;
                raw::write("DecimalDigits", decimal_digits, digits)?;
                raw::write("Nullable", nullable, 1)
            }
        };
        write((0, 0, 0))?;
        write(HOST.with(key, |slot| Ok(wire_field(slot.session.result_field(column_number)?)))?)
    })
}

/// Returns the result of the last chunk.
///
/// # Safety
///
/// The out pointers are valid for writes. What they receive is valid until the next Execute or CleanupSession.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetResults(
    session_id: SqlGuid,
    task_id: u16,
    rows_number: *mut u64,
    data: *mut *mut SqlPointer,
    strlen_or_ind: *mut *mut *mut i32,
) -> SqlReturn {
    let key = (session_id, task_id);
    guard("GetResults", key, || {
        let write = |rows: u64, columns: *mut SqlPointer, indicators: *mut *mut i32| {
            // SAFETY: the host guarantees that the out pointers are valid for writes.
            unsafe {
                raw::write("RowsNumber", rows_number, rows)?;
                raw::write("Data", data, columns)?;
                raw::write("StrLen_or_Ind", strlen_or_ind, indicators)
            }
        };
        write(0, std::ptr::null_mut(), std::ptr::null_mut())?;
        let (rows, columns, indicators) = HOST.with(key, |slot| {
            let (rows, columns) = slot.session.results()?;
            let (data, indicators) = slot.handed.results(columns);
            Ok((rows as u64, data, indicators))
        })?;
        write(rows, columns, indicators)
    })
}

/// Returns the value of an OUTPUT parameter.
///
/// # Safety
///
/// The out pointers are valid for writes. What they receive is valid until CleanupSession.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetOutputParam(
    session_id: SqlGuid,
    task_id: u16,
    param_number: u16,
    param_value: *mut SqlPointer,
    strlen_or_ind: *mut i32,
) -> SqlReturn {
    let key = (session_id, task_id);
    guard("GetOutputParam", key, || {
        let write = |value: SqlPointer, length: i32| {
            // SAFETY: the host guarantees that the out pointers are valid for writes.
            unsafe {
                raw::write("ParamValue", param_value, value)?;
                raw::write("StrLen_or_Ind", strlen_or_ind, length)
            }
        };
        write(std::ptr::null_mut(), SQL_NULL_DATA)?;
        let (value, length) = HOST.with(key, |slot| {
            let value = slot.session.output_param(param_number)?;
            Ok(slot.handed.output(param_number, value))
        })?;
        write(value, length)
    })
}

/// Counters of a session, for the engine's dynamic management view.
///
/// # Safety
///
/// The out pointers are valid for writes. What they receive is valid until CleanupSession.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetTelemetryResults(
    session_id: SqlGuid,
    task_id: u16,
    rows_number: *mut u32,
    counter_names: *mut *mut *const u8,
    counter_names_length: *mut *mut i32,
    counter_values: *mut *mut i64,
) -> SqlReturn {
    let key = (session_id, task_id);
    guard("GetTelemetryResults", key, || {
        // SAFETY: the host guarantees that the out pointer is valid for a write.
        unsafe { raw::write("RowsNumber", rows_number, 0) }?;
        let (count, names, lengths, values) = HOST.with(key, |slot| {
            let counters = slot.session.counters();
            let value = |v: u64| i64::try_from(v).unwrap_or(i64::MAX);
            let all = [
                ("hart_rows_in", value(counters.rows_in)),
                ("hart_rows_out", value(counters.rows_out)),
                ("hart_chunks", value(counters.chunks)),
            ];
            let (names, lengths, values) = slot.handed.telemetry(&all);
            Ok((all.len() as u32, names, lengths, values))
        })?;
        // SAFETY: the host guarantees that the out pointers are valid for writes.
        unsafe {
            raw::write("CounterNames", counter_names, names)?;
            raw::write("CounterNamesLength", counter_names_length, lengths)?;
            raw::write("CounterValues", counter_values, values)?;
            raw::write("RowsNumber", rows_number, count)
        }
    })
}

/// Closes a session and frees its results. An unknown session is no error.
#[unsafe(no_mangle)]
pub extern "C" fn CleanupSession(session_id: SqlGuid, task_id: u16) -> SqlReturn {
    let key = (session_id, task_id);
    guard("CleanupSession", key, || {
        HOST.close(key);
        Ok(())
    })
}

/// Closes everything; Init may follow again.
#[unsafe(no_mangle)]
pub extern "C" fn Cleanup() -> SqlReturn {
    guard("Cleanup", NO_SESSION, || {
        *LOG_EVENT.lock().unwrap_or_else(PoisonError::into_inner) = None;
        HOST.cleanup();
        Ok(())
    })
}

/// Returns to the host that there is no error text, if it asks.
///
/// # Safety
///
/// The pointers are null or valid for writes.
unsafe fn no_library_error(text: *mut *mut u8, length: *mut i32) -> Result<(), Fault> {
    // SAFETY: the caller guarantees that the pointers are null or valid for writes.
    unsafe {
        if !text.is_null() {
            raw::write("LibraryError", text, std::ptr::null_mut())?;
        }
        if !length.is_null() {
            raw::write("LibraryErrorLength", length, 0)?;
        }
    }
    Ok(())
}

/// Rejects an external library: the kernels are built in.
///
/// The reason goes to stderr and not through `library_error`, because sources disagree on who would free it.
///
/// # Safety
///
/// Pointers are null or valid for the lengths beside them; the out pointers are null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn InstallExternalLibrary(
    setup_session_id: SqlGuid,
    library_name: *const u8,
    library_name_length: i32,
    _library_file: *const u8,
    _library_file_length: i32,
    _library_install_directory: *const u8,
    _library_install_directory_length: i32,
    library_error: *mut *mut u8,
    library_error_length: *mut i32,
) -> SqlReturn {
    let key = (setup_session_id, 0);
    guard("InstallExternalLibrary", key, || {
        // SAFETY: the host guarantees that the out pointers are null or valid for writes, and the name null or valid
        // for its length.
        let name = unsafe {
            no_library_error(library_error, library_error_length)?;
            raw::text("library name", library_name, u64::try_from(library_name_length).unwrap_or(0))
        }?;
        Err(Fault::Call(format!(
            "library `{name}`: this language takes no external libraries, its kernels are built in; drop it with \
             DROP EXTERNAL LIBRARY"
        )))
    })
}

/// Succeeds: no library was ever installed, and DROP EXTERNAL LIBRARY must work.
///
/// # Safety
///
/// The out pointers are null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn UninstallExternalLibrary(
    setup_session_id: SqlGuid,
    _library_name: *const u8,
    _library_name_length: i32,
    _library_install_directory: *const u8,
    _library_install_directory_length: i32,
    library_error: *mut *mut u8,
    library_error_length: *mut i32,
) -> SqlReturn {
    guard("UninstallExternalLibrary", (setup_session_id, 0), || {
        // SAFETY: the host guarantees that the out pointers are null or valid for writes.
        unsafe { no_library_error(library_error, library_error_length) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(guard("Test", NO_SESSION, || panic!("deliberate")), SQL_ERROR);
        assert_eq!(guard("Test", NO_SESSION, || Ok(())), SQL_SUCCESS);
    }
}
