//! The levels that a machine has, and the choice of one.

use std::fmt;
use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::scalar;
use super::simd::{Simd, Task};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::error::Error;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Scalar(scalar::Scalar),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
}

/// An instruction-set level that this machine has.
///
/// All levels give the same bits; only their speed differs.
///
/// # Examples
///
/// ```
/// use hart_kernels::Level;
/// assert!(Level::available().contains(&Level::current()));
/// assert_eq!(Level::scalar().name(), "scalar");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Level(Token);

/// All level names, slowest first.
const NAMES: [&str; 4] = ["scalar", "neon", "avx2", "avx512"];
/// Caps the level at the one named; `scalar` reproduces a reported result on the simplest code.
pub const MAX_LEVEL_VARIABLE: &str = "HART_MAX_LEVEL";
/// Demands a level: [`Level::from_environment`] fails on a lesser machine, so that a test run cannot silently skip a level.
pub const MIN_LEVEL_VARIABLE: &str = "HART_MIN_LEVEL";

impl Level {
    /// The portable level, which every machine has.
    pub const fn scalar() -> Level {
        Level(Token::Scalar(scalar::Scalar))
    }

    /// Every level of this machine, slowest first, regardless of the environment.
    pub fn available() -> Vec<Level> {
        let mut levels = vec![Level::scalar()];
        #[cfg(target_arch = "aarch64")]
        levels.extend(neon::Neon::detect().map(|t| Level(Token::Neon(t))));
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(avx2::Avx2::detect().map(|t| Level(Token::Avx2(t))));
            levels.extend(avx512::Avx512::detect().map(|t| Level(Token::Avx512(t))));
        }
        levels
    }

    /// The fastest level of this machine, detected once, within [`MAX_LEVEL_VARIABLE`] and [`MIN_LEVEL_VARIABLE`].
    ///
    /// A program that must not run with a wrong setting calls this when it starts; the C library, the external language
    /// and the command do.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a variable names no level, or demands one that this machine lacks.
    pub fn from_environment() -> Result<Level, Error> {
        static CHOSEN: OnceLock<Result<Level, Error>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| {
                let read = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
                choose(&Level::available(), read(MAX_LEVEL_VARIABLE), read(MIN_LEVEL_VARIABLE))
            })
            .clone()
    }

    /// The level of [`Level::from_environment`]. Where that fails, the fastest one of this machine, because the level
    /// never changes a result; the first such call writes the error to the standard error.
    #[inline]
    pub fn current() -> Level {
        static CURRENT: OnceLock<Level> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            Level::from_environment().unwrap_or_else(|error| {
                let level = Level::available().pop().unwrap_or(Level::scalar());
                eprintln!("hart-kernels: {error}; computing with `{}`", level.name());
                level
            })
        })
    }

    /// `scalar`, `neon`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        NAMES[self.rank()]
    }

    fn rank(self) -> usize {
        match self.0 {
            Token::Scalar(_) => 0,
            #[cfg(target_arch = "aarch64")]
            Token::Neon(_) => 1,
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(_) => 2,
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(_) => 3,
        }
    }

    /// Runs the task's body compiled for this level.
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self.0 {
            Token::Scalar(token) => token.run(task),
            #[cfg(target_arch = "aarch64")]
            Token::Neon(token) => token.run(task),
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(token) => token.run(task),
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(token) => token.run(task),
        }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The fastest of `levels` within both bounds.
fn choose(levels: &[Level], max: Option<String>, min: Option<String>) -> Result<Level, Error> {
    let rank = |variable: &str, value: Option<String>| match value {
        None => Ok(None),
        Some(value) => match NAMES.iter().position(|name| name.eq_ignore_ascii_case(&value)) {
            Some(rank) => Ok(Some(rank)),
            None => Err(Error::Setting {
                setting: variable.into(),
                problem: format!("`{value}` is not a level; expected one of {}", NAMES.join(", ")),
            }),
        },
    };
    let max = rank(MAX_LEVEL_VARIABLE, max)?.unwrap_or(usize::MAX);
    let min = rank(MIN_LEVEL_VARIABLE, min)?.unwrap_or(0);
    let best = levels.iter().copied().filter(|l| l.rank() <= max).max_by_key(|l| l.rank());
    let best = best.unwrap_or(Level::scalar());
    if best.rank() < min {
        return Err(Error::Setting {
            setting: MIN_LEVEL_VARIABLE.into(),
            problem: format!("demands `{}`, but the fastest level here is `{}`", NAMES[min], best.name()),
        });
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_caps_and_demands() {
        let levels = Level::available();
        let best = *levels.last().unwrap();
        let some = |s: &str| Some(s.to_string());
        assert_eq!(choose(&levels, None, None).unwrap(), best);
        assert_eq!(choose(&levels, some("SCALAR"), None).unwrap(), Level::scalar());
        assert_eq!(choose(&levels, some("avx512"), some("scalar")).unwrap(), best);
        let unmet = choose(&levels[..1], None, some("avx512")).unwrap_err().to_string();
        assert!(unmet.contains("HART_MIN_LEVEL") && unmet.contains("`scalar`"), "{unmet}");
        let unknown = choose(&levels, some("sse9"), None).unwrap_err().to_string();
        assert!(unknown.contains("HART_MAX_LEVEL") && unknown.contains("sse9"), "{unknown}");
    }
}
