//! The format of result vectors: a parameter that every host accepts for every kernel.

use super::params::Value;
use crate::error::Error;

/// Format of result vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResultVectors {
    /// The format of the first vector column of the input.
    #[default]
    AsInput,
    /// Packed elements.
    Packed,
    /// JSON arrays.
    Json,
}

impl ResultVectors {
    /// Name of the parameter.
    pub const PARAMETER: &str = "result_vectors";
    /// Names as [`ResultVectors::parse`] takes them.
    pub const NAMES: [&str; 2] = ["packed", "json"];

    /// The format of that name, ignoring case and padding.
    pub fn parse(name: &str) -> Option<ResultVectors> {
        let position = ResultVectors::NAMES.iter().position(|n| n.eq_ignore_ascii_case(name.trim()))?;
        Some([ResultVectors::Packed, ResultVectors::Json][position])
    }

    /// Removes this parameter from the given ones; the rest are the kernel's.
    ///
    /// # Errors
    ///
    /// [`Error::ParameterValue`] where the value is not such a name, or the parameter is given twice.
    ///
    /// # Examples
    ///
    /// ```
    /// use hart_kernels::registry::{ResultVectors, Value};
    /// let mut given = vec![("factor".into(), Value::Int(2)), ("Result_Vectors".into(), Value::Text("JSON".into()))];
    /// assert_eq!(ResultVectors::take(&mut given)?, ResultVectors::Json);
    /// assert_eq!(given.len(), 1);
    /// # Ok::<(), hart_kernels::Error>(())
    /// ```
    pub fn take(given: &mut Vec<(String, Value)>) -> Result<ResultVectors, Error> {
        let own = given.extract_if(.., |(name, _)| name.eq_ignore_ascii_case(Self::PARAMETER));
        let mut values: Vec<Value> = own.map(|(_, value)| value).collect();
        let wrong = |value: &Value, expected: String| Error::ParameterValue {
            name: Self::PARAMETER.into(),
            value: value.describe(),
            expected,
        };
        match (values.pop(), values.is_empty()) {
            (Some(value), false) => Err(wrong(&value, "to be given once".into())),
            (None | Some(Value::Null), _) => Ok(ResultVectors::default()),
            (Some(value), true) => {
                let Value::Text(name) = &value else {
                    return Err(wrong(&value, Self::expected()));
                };
                Self::parse(name).ok_or_else(|| wrong(&value, Self::expected()))
            }
        }
    }

    fn expected() -> String {
        format!("one of {}", Self::NAMES.join(", "))
    }
}
