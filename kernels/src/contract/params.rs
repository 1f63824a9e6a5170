//! The caller's parameters, checked against the declared ones.

use super::kernel::{ANY_NAME, Kernel, ParamKind};
use crate::column::vectors::Vectors;
use crate::error::{Error, Place};
use crate::number::element::Element;

/// A parameter's value as the host passes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL: the default applies.
    Null,
    /// Any integer type, and bit.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    pub(super) fn describe(&self) -> String {
        match self {
            Value::Null => "NULL".into(),
            Value::Int(v) => v.to_string(),
            Value::Float(v) => v.to_string(),
            Value::Text(v) if v.chars().count() > 40 => {
                format!("'{}…'", v.chars().take(40).collect::<String>())
            }
            Value::Text(v) => format!("'{v}'"),
            Value::Bytes(v) => format!("{} bytes", v.len()),
        }
    }
}

/// A kernel's parameters: every declared one has a value of its kind.
#[derive(Clone, Debug)]
pub struct Params {
    values: Vec<(&'static str, Value)>,
}

impl Params {
    /// Checks names, types and ranges, and fills in the defaults.
    ///
    /// An integer may be any numeric type or text that holds a whole number; a float may be any number or text of one.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownParameter`], [`Error::MissingParameter`], [`Error::ParameterValue`].
    pub fn bind(kernel: &'static Kernel, given: &[(String, Value)]) -> Result<Params, Error> {
        for (i, (name, value)) in given.iter().enumerate() {
            if !kernel.params.iter().any(|p| p.name == ANY_NAME || p.name.eq_ignore_ascii_case(name)) {
                let expected = kernel.params.iter().map(|p| p.name).collect();
                return Err(Error::UnknownParameter { kernel: kernel.name, name: name.clone(), expected });
            }
            if given[..i].iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name)) {
                return Err(Error::ParameterValue {
                    name: name.clone(),
                    value: value.describe(),
                    expected: "to be given once".into(),
                });
            }
        }
        let mut values = Vec::with_capacity(kernel.params.len());
        for param in kernel.params.iter().filter(|p| p.name != ANY_NAME) {
            let default = || param.default.map(|d| Value::Text(d.into()));
            let value = given
                .iter()
                .find(|(name, value)| param.name.eq_ignore_ascii_case(name) && *value != Value::Null)
                .map(|(_, value)| value.clone())
                .or_else(default)
                .ok_or(Error::MissingParameter { name: param.name, summary: param.summary })?;
            let wrong = || Error::ParameterValue {
                name: param.name.into(),
                value: value.describe(),
                expected: param.kind.describe(),
            };
            values.push((param.name, convert(param.kind, &value).ok_or_else(wrong)?));
        }
        Ok(Params { values })
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// A declared integer.
    ///
    /// # Panics
    ///
    /// If the kernel's row declares no such integer: a mistake in the row that every test of the kernel exposes.
    pub fn int(&self, name: &str) -> i64 {
        let Some(Value::Int(v)) = self.get(name) else { panic!("{name} is not declared as an integer") };
        *v
    }

    /// A declared number.
    ///
    /// # Panics
    ///
    /// As [`Params::int`].
    pub fn float(&self, name: &str) -> f64 {
        let Some(Value::Float(v)) = self.get(name) else { panic!("{name} is not declared as a number") };
        *v
    }

    /// A declared word or text.
    ///
    /// # Panics
    ///
    /// As [`Params::int`].
    pub fn word(&self, name: &str) -> &str {
        let Some(Value::Text(v)) = self.get(name) else { panic!("{name} is not declared as a word") };
        v
    }

    /// Declared bytes.
    ///
    /// # Panics
    ///
    /// As [`Params::int`].
    pub fn bytes(&self, name: &str) -> &[u8] {
        let Some(Value::Bytes(v)) = self.get(name) else { panic!("{name} is not declared as bytes") };
        v
    }

    /// The element type of packed vectors; `f32` where the kernel has no such parameter.
    ///
    /// # Panics
    ///
    /// If the kernel's row declares a word that names no element type; see [`Params::int`].
    pub fn element(&self) -> Element {
        let Some(Value::Text(name)) = self.get("element") else { return Element::default() };
        Element::parse(name).unwrap_or_else(|| panic!("element is declared with `{name}`, which is none"))
    }

    /// The element type of result vectors, as far as it does not depend on those that come.
    ///
    /// # Panics
    ///
    /// As [`Params::element`].
    pub fn result_element(&self) -> Element {
        let asked = match self.get("result_element") {
            Some(Value::Text(word)) => Some(word.as_str()),
            _ => None,
        };
        self.element().of_result_as(asked)
    }

    /// A declared vector: packed elements, or the text of a JSON array.
    ///
    /// # Errors
    ///
    /// As [`Vectors::packed`] and [`Vectors::from_json`].
    ///
    /// # Panics
    ///
    /// As [`Params::int`].
    pub fn vector(&self, name: &str) -> Result<Vectors<'_>, Error> {
        let too_long = |bytes: usize| Error::ParameterValue {
            name: name.into(),
            value: format!("{bytes} bytes"),
            expected: format!("at most {} bytes", i32::MAX),
        };
        let length = |n: usize| i32::try_from(n).map_err(|_| too_long(n));
        let place = Place::parameter(name);
        match self.get(name) {
            Some(Value::Bytes(bytes)) => {
                Vectors::packed(place, self.element(), bytes, &[length(bytes.len())?])
            }
            Some(Value::Text(text)) => {
                // JSON text has no element type; narrow elements occur in packed columns only.
                let element = self.element().width().element();
                Vectors::from_json(place, element, text.as_bytes(), &[length(text.len())?])
            }
            _ => panic!("{name} is not declared as a vector"),
        }
    }
}

fn convert(kind: ParamKind, value: &Value) -> Option<Value> {
    match kind {
        ParamKind::Int { min, max } => {
            let v = match value {
                Value::Int(v) => *v,
                // Doubles beyond 2⁵³ are whole, but may differ from the number written.
                Value::Float(v) if v.fract() == 0.0 && v.abs() <= 9_007_199_254_740_992.0 => *v as i64,
                Value::Text(v) => v.trim().parse().ok()?,
                _ => return None,
            };
            (min..=max).contains(&v).then_some(Value::Int(v))
        }
        ParamKind::Float { min, max } => {
            let v = match value {
                Value::Int(v) => *v as f64,
                Value::Float(v) => *v,
                Value::Text(v) => v.trim().parse().ok()?,
                _ => return None,
            };
            (min..=max).contains(&v).then_some(Value::Float(v))
        }
        ParamKind::Choice(words) => {
            let Value::Text(v) = value else { return None };
            // Fixed-length char parameters arrive padded with blanks.
            let word = words.iter().find(|w| w.eq_ignore_ascii_case(v.trim()))?;
            Some(Value::Text((*word).into()))
        }
        // A text parameter that may hold a list of numbers often arrives as a single number.
        ParamKind::Text => match value {
            Value::Text(_) => Some(value.clone()),
            Value::Int(v) => Some(Value::Text(v.to_string())),
            Value::Float(v) => Some(Value::Text(v.to_string())),
            _ => None,
        },
        ParamKind::Binary => match value {
            Value::Bytes(_) => Some(value.clone()),
            Value::Text(text) => hexadecimal(text.trim()).map(Value::Bytes),
            _ => None,
        },
        ParamKind::Any => Some(value.clone()),
        // A wrapper declares one type per parameter; where that type is text, packed elements arrive as hexadecimal
        // text.
        ParamKind::Vector => match value {
            Value::Text(text) if text.trim_start().starts_with(['0']) => {
                hexadecimal(text.trim()).map(Value::Bytes)
            }
            Value::Text(_) | Value::Bytes(_) => Some(value.clone()),
            _ => None,
        },
    }
}

/// The bytes of `0x…` in T-SQL's notation.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |c: u8| char::from(c).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? * 16 + digit(*low)?) as u8);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}
