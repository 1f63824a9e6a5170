//! Texts of the kernels' errors as T-SQL's callers read them.

use std::fmt;

use hart_kernels::Error;

/// An error's text in T-SQL's words: names of parameters have their `@`, and an unknown kernel says where the names are.
#[derive(Debug)]
pub struct InSql<'a>(pub &'a Error);

impl fmt::Display for InSql<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.marked("@").fmt(f)?;
        match self.0 {
            Error::UnknownKernel { nearest, .. } if nearest.is_empty() => {
                f.write_str("; docs/KERNELS.md and `hart list` have all names")
            }
            _ => Ok(()),
        }
    }
}
