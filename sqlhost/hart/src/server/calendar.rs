//! Converts dates and times between text, the client's values and Arrow.

use anyhow::{Context, Result, bail};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use tiberius::{ColumnData, FromSql};

/// The kinds of date and time types on the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    Date,
    Time,
    /// smalldatetime
    Minutes,
    /// datetime: three hundredths of a second, written with three digits
    Ticks,
    DateTime,
    Offset,
}

impl Form {
    /// A text in the ISO form that the server reads in any language; `None` if it is not of this type or would lose
    /// precision. `digits` fractional digits of a second are kept.
    pub fn text(self, text: &str, digits: u8) -> Option<String> {
        let text = text.replacen(' ', "T", 1);
        let date_and_time = || {
            let day = || NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
                .iter()
                .find_map(|f| NaiveDateTime::parse_from_str(&text, f).ok())
                .or_else(day)
        };
        let from = |year: i32, to: i32| {
            date_and_time().filter(|t| (year..=to).contains(&chrono::Datelike::year(&t.date())))
        };
        Some(match self {
            Form::Date => {
                let time = from(1, 9999).filter(|t| t.time() == NaiveTime::MIN)?;
                time.format("%Y-%m-%d").to_string()
            }
            Form::Time => {
                let time =
                    ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|f| NaiveTime::parse_from_str(&text, f).ok())?;
                format!("{}{}", time.format("%H:%M:%S"), fraction(time, digits)?)
            }
            Form::Minutes => {
                let time = from(1900, 2079).filter(|t| t.second() == 0 && t.nanosecond() == 0)?;
                (time < NaiveDate::from_ymd_opt(2079, 6, 7)?.and_hms_opt(0, 0, 0)?).then_some(())?;
                time.format("%Y-%m-%dT%H:%M:%S").to_string()
            }
            Form::Ticks => {
                let time = from(1753, 9999)?;
                let milliseconds = time.nanosecond() / 1_000_000;
                matches!(milliseconds % 10, 0 | 3 | 7).then_some(())?;
                format!("{}{}", time.format("%Y-%m-%dT%H:%M:%S"), fraction(time.time(), 3)?)
            }
            Form::DateTime => {
                let time = from(1, 9999)?;
                format!("{}{}", time.format("%Y-%m-%dT%H:%M:%S"), fraction(time.time(), digits)?)
            }
            Form::Offset => {
                let time = DateTime::parse_from_rfc3339(&text.replace("T+", "+").replace("T-", "-"));
                let time: DateTime<FixedOffset> = time.ok()?;
                let kept = fraction(time.time(), digits)?;
                format!("{}{kept}{}", time.format("%Y-%m-%dT%H:%M:%S"), time.format("%:z"))
            }
        })
    }
}

/// The fraction of a second, if `digits` digits hold it.
fn fraction(time: NaiveTime, digits: u8) -> Option<String> {
    let all = format!("{:09}", time.nanosecond() % 1_000_000_000);
    let needed = all.trim_end_matches('0');
    // The server has no leap seconds.
    (needed.len() <= usize::from(digits) && time.nanosecond() < 1_000_000_000).then_some(())?;
    Some(if needed.is_empty() { String::new() } else { format!(".{needed}") })
}

fn written(time: NaiveDateTime) -> String {
    let part = fraction(time.time(), 9).unwrap_or_default();
    format!("{}{part}", time.format("%Y-%m-%dT%H:%M:%S"))
}

/// A date or time of an Arrow column in ISO form.
pub fn iso(array: &ArrayRef, i: usize) -> Result<String> {
    let time = match array.data_type() {
        DataType::Date32 => {
            let date = array.as_primitive::<Date32Type>().value_as_date(i).context("a date out of range")?;
            return Ok(date.format("%Y-%m-%d").to_string());
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            array.as_primitive::<TimestampSecondType>().value_as_datetime(i)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            array.as_primitive::<TimestampMillisecondType>().value_as_datetime(i)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            array.as_primitive::<TimestampMicrosecondType>().value_as_datetime(i)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            array.as_primitive::<TimestampNanosecondType>().value_as_datetime(i)
        }
        other => bail!("no date: {other}"),
    };
    Ok(written(time.context("a time out of range")?))
}

/// A date or time of the server in ISO form.
pub fn of_server(data: &ColumnData<'static>) -> Result<Option<String>> {
    Ok(match data {
        ColumnData::Date(_) => NaiveDate::from_sql(data)?.map(|d| d.format("%Y-%m-%d").to_string()),
        ColumnData::Time(_) => NaiveTime::from_sql(data)?
            .map(|t| format!("{}{}", t.format("%H:%M:%S"), fraction(t, 9).unwrap_or_default())),
        ColumnData::DateTime2(_) | ColumnData::SmallDateTime(_) => {
            NaiveDateTime::from_sql(data)?.map(written)
        }
        ColumnData::DateTime(_) => NaiveDateTime::from_sql(data)?.map(|time| {
            // datetime's ticks are shown as milliseconds, as the server shows them.
            let rounded = (time.nanosecond() + 500_000) / 1_000_000 * 1_000_000;
            written(time.with_nanosecond(rounded.min(999_000_000)).unwrap_or(time))
        }),
        ColumnData::DateTimeOffset(_) => DateTime::<FixedOffset>::from_sql(data)?
            .map(|t| format!("{}{}", written(t.naive_local()), t.format("%:z"))),
        other => bail!("no date: {other:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_a_type_holds_and_does_not() {
        let text = |form: Form, digits, text: &str| form.text(text, digits);
        assert_eq!(text(Form::Date, 0, "2026-02-28").as_deref(), Some("2026-02-28"));
        assert_eq!(text(Form::Date, 0, "2026-02-28 00:00").as_deref(), Some("2026-02-28"));
        assert_eq!(
            text(Form::DateTime, 7, "2026-02-28 01:02:03.1234567").as_deref(),
            Some("2026-02-28T01:02:03.1234567")
        );
        assert_eq!(
            text(Form::Ticks, 3, "2026-02-28T01:02:03.003").as_deref(),
            Some("2026-02-28T01:02:03.003")
        );
        assert_eq!(text(Form::Time, 0, "23:59:59").as_deref(), Some("23:59:59"));
        assert_eq!(text(Form::Minutes, 0, "2026-02-28 01:02").as_deref(), Some("2026-02-28T01:02:00"));
        assert_eq!(
            text(Form::Offset, 3, "2026-02-28T01:02:03.5+02:00").as_deref(),
            Some("2026-02-28T01:02:03.5+02:00")
        );
        for (form, digits, lost) in [
            (Form::Date, 0, "2026-02-29"),
            (Form::Date, 0, "28.02.2026"),
            (Form::Date, 0, "2026-02-28 01:00"),
            (Form::DateTime, 3, "2026-02-28 01:02:03.1234"),
            (Form::Ticks, 3, "2026-02-28T01:02:03.001"),
            (Form::Ticks, 3, "1752-12-31"),
            (Form::Time, 0, "23:59:59.5"),
            (Form::Minutes, 0, "2026-02-28 01:02:03"),
            (Form::Minutes, 0, "2079-06-07"),
            (Form::Offset, 0, "2026-02-28 01:02:03"),
        ] {
            assert_eq!(text(form, digits, lost), None, "{lost}");
        }
    }
}
