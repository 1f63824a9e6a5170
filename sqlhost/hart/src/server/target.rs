//! A table on a server that receives the rows of a result: all of them or none.

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};
use clap::{ArgAction, Args};
use tiberius::{ColumnData, SqlBulkCopyOption, SqlBulkCopyOptions, TokenRow};

use super::connection::Connector;
use super::fit::{Column, LONGEST_IN_BULK, length_in_bulk};
use super::session::{Server, text};
use super::text::literal;
use super::transaction::{Failure, within};

/// Maximum parameters per statement; the server allows 2,100, and two are the statement itself.
const PARAMETERS: usize = 2000;
/// Maximum rows per VALUES.
const ROWS: usize = 1000;
/// Bytes of values after which a statement is sent.
const STATEMENT_BYTES: usize = 8 << 20;

/// What a load does beside appending rows.
#[derive(Clone, Debug, Args)]
pub struct LoadOptions {
    /// Whether --into checks the table's constraints, as an INSERT does; without needs ALTER on the table
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true,
          default_missing_value = "true", action = ArgAction::Set)]
    check_constraints: bool,
    /// Whether --into fires the table's triggers, as an INSERT does; without needs ALTER on the table
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true,
          default_missing_value = "true", action = ArgAction::Set)]
    fire_triggers: bool,
}

/// A table that receives rows.
pub struct Target {
    connector: Connector,
    /// Its name in brackets.
    table: String,
    columns: Vec<Column>,
    /// Whether this login may read it, which a bulk load requires.
    readable: bool,
    options: LoadOptions,
}

impl Target {
    /// Fails if the table's name is invalid, the server does not show the table, or this login may not insert into it:
    /// before anything is computed for it.
    pub fn open(connector: Connector, table: &str, options: LoadOptions) -> Result<Target> {
        let parts = name_parts(table)?;
        let quoted: Vec<String> = parts.iter().map(|p| format!("[{}]", p.replace(']', "]]"))).collect();
        let table = quoted.join(".");
        let about = || format!("--into {table}: nothing was computed or loaded");
        let database = if parts.len() == 3 { format!("{}.", quoted[0]) } else { String::new() };
        let rows = connector.connect()?.rows(catalogue(&table, &database)).with_context(about)?;
        ensure!(
            !rows.is_empty(),
            "{}: the server shows no such table to this login; the table must exist, and INSERT on it is enough to see it",
            about()
        );
        let mut columns = Vec::new();
        let (mut insertable, mut readable) = (true, true);
        for row in &rows {
            let number = |column| -> Result<i64> { Ok(text(row, column)?.parse().unwrap_or(0)) };
            columns.push(Column {
                name: text(row, 0)?.into(),
                type_name: text(row, 1)?.to_lowercase(),
                max_length: number(2)?,
                precision: number(3)? as u8,
                scale: number(4)? as u8,
                nullable: number(5)? != 0,
                identity: number(6)? != 0,
                computed: number(7)? != 0,
                has_default: number(8)? != 0,
                code_page: number(9)? as u32,
            });
            // Empty if the server does not say.
            insertable &= text(row, 10)? != "0";
            readable &= text(row, 11)? != "0";
        }
        ensure!(
            insertable,
            "{}: this login may not insert into it: GRANT INSERT ON {table} TO [user]",
            about()
        );
        Ok(Target { connector, table, columns, readable, options })
    }

    /// Fails if the table does not accept columns with these names and types.
    pub fn expect(&self, columns: &[(String, DataType)]) -> Result<()> {
        self.places(columns)
            .with_context(|| format!("--into {}: nothing was computed or loaded", self.table))?;
        Ok(())
    }

    /// The table's column for each of the result's.
    fn places(&self, columns: &[(String, DataType)]) -> Result<Vec<&Column>> {
        let mut places: Vec<&Column> = Vec::new();
        for (name, data_type) in columns {
            let exact = self.columns.iter().find(|c| c.name == *name);
            let found =
                exact.or_else(|| self.columns.iter().find(|c| c.name.to_lowercase() == name.to_lowercase()));
            let Some(column) = found else {
                let all: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
                bail!("the result has a column {name}, the table has {}", all.join(", "));
            };
            ensure!(!places.iter().any(|c| c.name == column.name), "the result has two columns {name}");
            column.takes(data_type)?;
            places.push(column);
        }
        for column in &self.columns {
            let filled = column.nullable
                || column.identity
                || column.computed
                || column.has_default
                || column.type_name == "timestamp"
                || places.iter().any(|c| c.name == column.name);
            ensure!(
                filled,
                "column {} of the table is {} NOT NULL without a default, and the result has no such column",
                column.name,
                column.sql()
            );
        }
        Ok(places)
    }

    /// Appends the rows in one transaction, which is committed when the server has counted all of them.
    pub fn load(&self, batches: &[RecordBatch]) -> Result<u64> {
        let Some(first) = batches.first() else { return Ok(0) };
        let table = &self.table;
        let nothing = || format!("--into {table}: nothing was loaded");
        let columns = self.places(&fields(&first.schema())).with_context(nothing)?;
        let rows = Rows::new(batches, columns);
        // All values are checked before anything is sent.
        let by_statement = match self.readable && rows.columns.iter().all(|c| c.goes_in_bulk()) {
            true => rows.too_long_for_bulk().with_context(nothing)?,
            false => {
                rows.too_long_for_bulk().with_context(nothing)?;
                (0..rows.count).collect()
            }
        };
        ensure!(
            by_statement.is_empty() || self.options.check_constraints && self.options.fire_triggers,
            "{}: row {} goes by an INSERT, which always checks constraints and fires triggers: its values are too long for a bulk \
             load, or a column's type is, or this login may not SELECT from the table; leave --check-constraints and \
             --fire-triggers at true",
            nothing(),
            by_statement.first().map_or(0, |row| row + 1)
        );
        let mut server = self.connector.connect().with_context(nothing)?;
        let work = |server: &mut Server| self.send(server, &rows, &by_statement);
        let done = within(&mut server, work).and(Ok(rows.count as u64));
        done.map_err(|failure: Failure| failure.explain(&format!("--into {table}: the load"), "the table"))
    }

    /// Sends the rows within an open transaction; fails unless the server has counted all of them.
    fn send(&self, server: &mut Server, rows: &Rows<'_>, by_statement: &[usize]) -> Result<()> {
        let total = rows.count;
        let mut taken = 0;
        if by_statement.len() < total {
            // A server may disable counts for all sessions; without them nothing could be compared.
            server.run("SET NOCOUNT OFF;\n")?;
            let names: Vec<String> = rows.columns.iter().map(|c| quoted(&c.name)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut options = SqlBulkCopyOptions::empty();
            if self.options.check_constraints {
                options |= SqlBulkCopyOption::CheckConstraints;
            }
            if self.options.fire_triggers {
                options |= SqlBulkCopyOption::FireTriggers;
            }
            let mut others = by_statement.iter().copied().peekable();
            let in_bulk = (0..total).filter(|row| others.next_if_eq(row).is_none());
            let in_bulk = in_bulk.map(|row| {
                let mut out = TokenRow::with_capacity(names.len());
                rows.values(row)?.into_iter().for_each(|value| out.push(value));
                Ok(out)
            });
            taken += server.bulk(&self.table, &names, options, in_bulk)?;
        }
        let mut statement = Statement::default();
        for &row in by_statement {
            let values = rows.values(row)?;
            if !statement.has_room(&values) {
                taken += statement.send(server, self, &rows.columns)?;
            }
            statement.push(values);
        }
        taken += statement.send(server, self, &rows.columns)?;
        ensure!(
            taken == total as u64,
            "the server took {taken} of {total} rows (an INSTEAD OF trigger or a rule of the table may drop rows)"
        );
        Ok(())
    }
}

/// Rows collected for an INSERT.
#[derive(Default)]
struct Statement<'a> {
    values: Vec<ColumnData<'a>>,
    rows: usize,
    bytes: usize,
}

impl<'a> Statement<'a> {
    fn has_room(&self, values: &[ColumnData<'a>]) -> bool {
        self.rows < ROWS && self.values.len() + values.len() <= PARAMETERS && self.bytes < STATEMENT_BYTES
    }

    fn push(&mut self, values: Vec<ColumnData<'a>>) {
        self.rows += 1;
        self.bytes += values.iter().map(length_in_bulk).sum::<usize>();
        self.values.extend(values);
    }

    /// Sends the rows; returns the number that the server accepted.
    fn send(&mut self, server: &mut Server, target: &Target, columns: &[&Column]) -> Result<u64> {
        if self.rows == 0 {
            return Ok(0);
        }
        let names: Vec<String> = columns.iter().map(|c| quoted(&c.name)).collect();
        let mut number = 0;
        let tuples = (0..self.rows).map(|_| {
            let tuple: Vec<String> = columns
                .iter()
                .map(|c| {
                    number += 1;
                    c.placeholder(number)
                })
                .collect();
            format!("({})", tuple.join(", "))
        });
        let tuples: Vec<String> = tuples.collect();
        // Triggers count their own rows, which must not be included.
        let sql = format!(
            "SET NOCOUNT ON;\nINSERT INTO {} ({})\nVALUES {};\nSELECT CAST(ROWCOUNT_BIG() AS nvarchar(20));\n",
            target.table,
            names.join(", "),
            tuples.join(",\n")
        );
        let sent = std::mem::take(self);
        let rows = server.rows_with(&sql, sent.values)?;
        let counted = rows.last().context("the server did not say how many rows it took")?;
        text(counted, 0)?.parse().map_err(|_| anyhow!("the server did not say how many rows it took"))
    }
}

/// The rows of a result, with the columns that receive them.
struct Rows<'a> {
    batches: &'a [RecordBatch],
    /// The first row of each batch.
    starts: Vec<usize>,
    count: usize,
    columns: Vec<&'a Column>,
}

impl<'a> Rows<'a> {
    fn new(batches: &'a [RecordBatch], columns: Vec<&'a Column>) -> Rows<'a> {
        let mut count = 0;
        let starts = batches.iter().map(|batch| {
            count += batch.num_rows();
            count - batch.num_rows()
        });
        Rows { batches, starts: starts.collect(), count, columns }
    }

    /// The values of a row.
    fn values(&self, row: usize) -> Result<Vec<ColumnData<'a>>> {
        let number = self.starts.partition_point(|start| *start <= row) - 1;
        let in_batch = row - self.starts[number];
        let cells = self.columns.iter().zip(self.batches[number].columns());
        let cells = cells.map(|(column, array)| {
            column.value(array, in_batch).with_context(|| {
                format!("row {}: the value for column {} does not fit", row + 1, column.name)
            })
        });
        cells.collect()
    }

    /// The rows with a value too long for a bulk load; fails if a value does not fit its column.
    fn too_long_for_bulk(&self) -> Result<Vec<usize>> {
        let mut out = Vec::new();
        for row in 0..self.count {
            if self.values(row)?.iter().any(|value| length_in_bulk(value) > LONGEST_IN_BULK) {
                out.push(row);
            }
        }
        Ok(out)
    }
}

fn fields(schema: &Schema) -> Vec<(String, DataType)> {
    schema.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect()
}

fn quoted(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// The query for a table's columns, and whether this login may insert and read. INSERT permission alone shows them.
fn catalogue(table: &str, database: &str) -> String {
    let name = literal(table);
    let number = |value: &str| format!("CAST({value} AS nvarchar(20))");
    let parts: Vec<String> = [
        "c.max_length",
        "c.precision",
        "c.scale",
        "c.is_nullable",
        "c.is_identity",
        "c.is_computed",
        "c.default_object_id",
        "COLLATIONPROPERTY(c.collation_name, 'CodePage')",
    ]
    .iter()
    .map(|value| number(value))
    .chain(
        ["INSERT", "SELECT"]
            .iter()
            .map(|right| number(&format!("HAS_PERMS_BY_NAME({name}, N'OBJECT', N'{right}')"))),
    )
    .collect();
    format!(
        "SELECT c.name, COALESCE(b.name, t.name), {}\n\
         FROM {database}sys.columns AS c\n\
         JOIN {database}sys.types AS t ON t.user_type_id = c.user_type_id\n\
         LEFT JOIN {database}sys.types AS b ON b.user_type_id = c.system_type_id\n\
         WHERE c.object_id = OBJECT_ID({name})\nORDER BY c.column_id;\n",
        parts.join(", ")
    )
}

/// The parts of a table's name: one to three, with or without brackets.
fn name_parts(name: &str) -> Result<Vec<String>> {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = name;
    loop {
        let part = match rest.strip_prefix('[') {
            Some(inside) => {
                // ]] within brackets is one bracket.
                let mut end = 0;
                loop {
                    let at = inside[end..]
                        .find(']')
                        .with_context(|| format!("the name {name} has an open bracket"))?;
                    end += at;
                    if !inside[end + 1..].starts_with(']') {
                        break;
                    }
                    end += 2;
                }
                rest = &inside[end + 1..];
                inside[..end].replace("]]", "]")
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                let part = rest[..end].to_string();
                rest = &rest[end..];
                part
            }
        };
        ensure!(
            !part.is_empty() && !part.contains(char::is_control),
            "{name} is no name of a table; expected SCHEMA.TABLE"
        );
        parts.push(part);
        match rest.strip_prefix('.') {
            Some(more) => rest = more,
            None if rest.is_empty() => break,
            None => bail!("{name} is no name of a table; expected SCHEMA.TABLE"),
        }
    }
    ensure!(parts.len() <= 3, "{name} has {} parts; expected SCHEMA.TABLE", parts.len());
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables() {
        let good = |name: &str| name_parts(name).unwrap();
        assert_eq!(good("t"), ["t"]);
        assert_eq!(good("dbo.t"), ["dbo", "t"]);
        assert_eq!(good("[a.b].[c]]d]"), ["a.b", "c]d"]);
        assert_eq!(good("x] DROP TABLE y --"), ["x] DROP TABLE y --"]);
        for name in ["", ".", "a.", "[a", "[a]b", "a.b.c.d", "a\nb"] {
            assert!(name_parts(name).is_err(), "{name}");
        }
    }
}
