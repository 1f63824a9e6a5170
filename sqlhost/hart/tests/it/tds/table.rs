//! A table that keeps the books of what is loaded into it, and the command against it.

use std::process::Output;
use std::sync::{Arc, Mutex};

use super::world::World;
use super::{Answer, Cell, Type};

/// A column: name, T-SQL type, and what more is said of it: NOT NULL, DEFAULT, IDENTITY, COMPUTED.
pub type Column = (&'static str, &'static str, &'static str);

#[derive(Default)]
pub struct Table {
    pub columns: Vec<Column>,
    /// Committed rows, cells with bars between.
    pub rows: Vec<String>,
    pending: Option<Vec<String>>,
    /// What the login may not do.
    pub denied: Vec<&'static str>,
    /// How many rows of a load get lost.
    pub lost: usize,
    /// Batches that begin so get this answer instead.
    pub fault: Option<(&'static str, Answer)>,
    /// Answers to queries.
    pub queries: Vec<(&'static str, Answer)>,
}

impl Table {
    pub fn answer(&mut self, sql: &str) -> Answer {
        if let Some((part, answer)) = &self.fault
            && sql.starts_with(part)
        {
            if *answer == Answer::Drop {
                self.pending = None;
            }
            return answer.clone();
        }
        if let Some((_, answer)) = self.queries.iter().find(|(query, _)| *query == sql) {
            return answer.clone();
        }
        if sql.contains("sys.columns AS c") {
            return Answer::Rows(self.columns.iter().map(|column| self.described(column)).collect());
        }
        if let Some(names) = sql.strip_prefix("SELECT TOP 0 ") {
            assert!(!self.denied.contains(&"SELECT"), "{sql}");
            let (names, _) = names.split_once(" FROM ").unwrap();
            let column = |name: &str| {
                let name = name.trim_start_matches('[').trim_end_matches(']').replace("]]", "]");
                let (name, sql, more) = self.columns.iter().find(|c| c.0 == name).unwrap();
                (*name, Type::of(sql, !more.contains("NOT NULL")))
            };
            return Answer::Table(names.split(", ").map(column).collect(), Vec::new());
        }
        if sql.contains("BEGIN TRANSACTION") {
            self.pending = Some(self.rows.clone());
        } else if sql.starts_with("COMMIT") {
            self.rows = self.pending.take().unwrap();
        } else if sql.contains("ROLLBACK") {
            self.pending = None;
        } else if let Some(rows) = sql.strip_prefix("bulk\n") {
            let rows: Vec<String> = rows.lines().skip(self.lost).map(String::from).collect();
            let count = rows.len() as u64;
            self.pending.as_mut().expect("a load outside of a transaction").extend(rows);
            return Answer::Count(count);
        } else if let Some(call) = sql.strip_prefix("call\n") {
            let (statement, values) = call.split_once("\n--\n").unwrap();
            assert!(statement.starts_with("SET NOCOUNT ON;\nINSERT INTO "), "{statement}");
            let tuples =
                statement.lines().filter(|l| l.starts_with("VALUES (") || l.starts_with('(')).count();
            let values: Vec<&str> = values.lines().collect();
            let rows = values.chunks(values.len() / tuples).skip(self.lost).map(|row| row.join("|"));
            let rows: Vec<String> = rows.collect();
            let count = rows.len();
            self.pending.as_mut().expect("an INSERT outside of a transaction").extend(rows);
            return Answer::word(&count.to_string());
        }
        Answer::Done
    }

    /// A row of the catalogue.
    fn described(&self, (name, sql, more): &Column) -> Vec<String> {
        let (base, arguments) = sql.trim_end_matches(')').split_once('(').unwrap_or((sql, ""));
        let numbers: Vec<i64> = arguments.split(',').map(|n| n.parse().unwrap_or(-1)).collect();
        let unit = if base.starts_with('n') { 2 } else { 1 };
        let (length, precision, scale) = match base {
            "vector" => (8 + 4 * numbers[0], 0, 0),
            "decimal" => (9, numbers[0], numbers[1]),
            "datetime2" | "time" | "datetimeoffset" => (8, 27, numbers[0]),
            _ if numbers[0] > 0 => (unit * numbers[0], 0, 0),
            _ => (numbers[0], 0, 0),
        };
        let flag = |word: &str| u8::from(more.contains(word)).to_string();
        let right = |word: &str| u8::from(!self.denied.contains(&word)).to_string();
        let page = if more.contains("UTF-8") { "65001" } else { "1252" };
        let nullable = u8::from(!more.contains("NOT NULL")).to_string();
        let numbers = [length, precision, scale].map(|n| n.to_string());
        let flags = [nullable, flag("IDENTITY"), flag("COMPUTED"), flag("DEFAULT"), page.into()];
        let rights = [right("INSERT"), right("SELECT")];
        [&[name.to_string(), base.to_string()][..], &numbers, &flags, &rights].concat()
    }
}

/// A server with a table `t`.
pub struct Loads {
    pub world: World,
    pub table: Arc<Mutex<Table>>,
}

impl Loads {
    pub fn new(columns: &[Column], queries: &[(&'static str, Answer)]) -> Loads {
        let table = Table { columns: columns.to_vec(), queries: queries.to_vec(), ..Table::default() };
        let table = Arc::new(Mutex::new(table));
        let shared = table.clone();
        let world = World::with(Arc::default(), move |sql| shared.lock().unwrap().answer(sql));
        Loads { world, table }
    }

    pub fn set(&self, change: impl FnOnce(&mut Table)) {
        change(&mut self.table.lock().unwrap());
    }

    /// `hart run … --into t`.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.world.hart(&[&["run"], arguments, &["--in-process", "--into", "t"]].concat())
    }

    /// The committed rows.
    pub fn rows(&self) -> Vec<String> {
        self.table.lock().unwrap().rows.clone()
    }
}

/// Rows of a query.
pub fn rows(columns: &[(&'static str, Type)], rows: Vec<Vec<Cell>>) -> Answer {
    Answer::Table(columns.to_vec(), rows)
}
