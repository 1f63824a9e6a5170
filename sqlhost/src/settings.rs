//! Settings from the language's PARAMETERS and from environment variables.

use std::fmt::Display;
use std::str::FromStr;

use hart_kernels::{Error, default_memory_limit};

use crate::columns::LARGE_OBJECT;

/// Settings of this process.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Threads for large inputs.
    pub threads: usize,
    /// Interface version that `GetInterfaceVersion` reports.
    pub interface_version: u16,
    /// Maximum memory, in MiB, that a call may use beside its input; `None` means [`default_memory_limit`].
    pub max_memory_mb: Option<u64>,
    /// Maximum bytes that `GetResultColumn` reports for a value without its own limit.
    pub max_column_bytes: u64,
}

/// One setting: its name in PARAMETERS and in the environment.
const THREADS: (&str, &str) = ("threads", "HART_THREADS");
const INTERFACE_VERSION: (&str, &str) = ("interface_version", "HART_INTERFACE_VERSION");
const MAX_MEMORY_MB: (&str, &str) = ("max_memory_mb", "HART_MAX_MEMORY_MB");
const MAX_COLUMN_BYTES: (&str, &str) = ("max_column_bytes", "HART_MAX_COLUMN_BYTES");

impl Settings {
    /// Reads the environment, then `parameters` (`name=value` pairs separated by `;`, `,` or blanks), which take
    /// precedence.
    ///
    /// The host asks for the interface version before PARAMETERS arrive, so a host that asks once learns it from the
    /// environment only (ENVIRONMENT_VARIABLES of CREATE EXTERNAL LANGUAGE).
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] that names the setting, the value and the allowed values.
    pub fn read(parameters: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Settings, Error> {
        let mut settings = Settings {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            interface_version: 2,
            max_memory_mb: None,
            max_column_bytes: LARGE_OBJECT,
        };
        for (name, variable) in [THREADS, INTERFACE_VERSION, MAX_MEMORY_MB, MAX_COLUMN_BYTES] {
            if let Some(value) = environment(variable).filter(|v| !v.is_empty()) {
                settings
                    .set(name, &value)
                    .map_err(|problem| Error::Setting { setting: variable.into(), problem })?;
            }
        }
        let pairs = parameters.split([';', ',', ' ', '\t', '\r', '\n']).filter(|p| !p.is_empty());
        for pair in pairs {
            let wrong = |problem: String| Error::Setting { setting: format!("{pair} (PARAMETERS)"), problem };
            let (name, value) = pair.split_once('=').ok_or_else(|| wrong("expected name=value".into()))?;
            settings.set(name, value).map_err(wrong)?;
        }
        Ok(settings)
    }

    /// Maximum bytes that a call may use beside its input.
    pub fn memory_limit(&self) -> u64 {
        self.max_memory_mb.map_or_else(default_memory_limit, |mb| mb << 20)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "threads" => self.threads = within(value, 1, 1024)?,
            "interface_version" => self.interface_version = within(value, 2, 3)?,
            "max_memory_mb" => self.max_memory_mb = Some(within(value, 1, u64::MAX >> 20)?),
            "max_column_bytes" => self.max_column_bytes = within(value, 8000, LARGE_OBJECT)?,
            _ => {
                return Err(format!(
                    "unknown; expected one of {}, {}, {}, {}",
                    THREADS.0, INTERFACE_VERSION.0, MAX_MEMORY_MB.0, MAX_COLUMN_BYTES.0
                ));
            }
        }
        Ok(())
    }
}

fn within<T: FromStr + PartialOrd + Display>(value: &str, min: T, max: T) -> Result<T, String> {
    let expected = format!("`{value}` is not a whole number from {min} to {max}");
    value.trim().parse().ok().filter(|v| *v >= min && *v <= max).ok_or(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_win_over_the_environment() {
        let environment = |name: &str| (name == "HART_THREADS").then(|| "7".to_string());
        assert_eq!(Settings::read("", environment).unwrap().threads, 7);
        let text = " threads=3; interface_version=3 ,max_memory_mb=64\nmax_column_bytes=8001";
        let all = Settings::read(text, environment).unwrap();
        let expected =
            Settings { threads: 3, interface_version: 3, max_memory_mb: Some(64), max_column_bytes: 8001 };
        assert_eq!(all, expected);
        assert_eq!(all.memory_limit(), 64 << 20);
        let none = Settings::read("", |_| None).unwrap();
        assert_eq!((none.interface_version, none.memory_limit()), (2, default_memory_limit()));
    }

    #[test]
    fn wrong_settings_say_what_is_expected() {
        for (text, part) in [
            ("threads=0", "1 to 1024"),
            ("threads", "expected name=value"),
            ("color=red", "one of threads, interface_version, max_memory_mb, max_column_bytes"),
            ("max_column_bytes=7999", "8000 to 2147483647"),
            ("interface_version=4", "2 to 3"),
            ("max_memory_mb=-1", "whole number"),
        ] {
            let message = Settings::read(text, |_| None).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains(text), "{message}");
        }
        let environment = |name: &str| (name == "HART_MAX_MEMORY_MB").then(|| "x".to_string());
        let message = Settings::read("", environment).unwrap_err().to_string();
        assert!(message.contains("HART_MAX_MEMORY_MB") && message.contains("`x`"), "{message}");
    }
}
