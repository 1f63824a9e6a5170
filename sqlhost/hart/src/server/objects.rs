//! The objects that a script creates, read from its text: one list for checking, for conflicts and for removal.

use super::text::literal;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Code: replaced by every installation.
    Procedure,
    Function,
    View,
    Trigger,
    /// Holds rows: created once and kept.
    Table,
    /// Service Broker's.
    Queue,
    MessageType,
    Contract,
    Service,
}

impl Kind {
    const ALL: [(&'static str, Kind); 9] = [
        ("PROCEDURE", Kind::Procedure),
        ("FUNCTION", Kind::Function),
        ("VIEW", Kind::View),
        ("TRIGGER", Kind::Trigger),
        ("TABLE", Kind::Table),
        ("QUEUE", Kind::Queue),
        ("MESSAGE TYPE", Kind::MessageType),
        ("CONTRACT", Kind::Contract),
        ("SERVICE", Kind::Service),
    ];

    fn word(self) -> &'static str {
        Kind::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }

    /// Whether every installation replaces its text.
    pub fn is_module(self) -> bool {
        matches!(self, Kind::Procedure | Kind::Function | Kind::View | Kind::Trigger)
    }

    /// The catalogue view for names that belong to no schema.
    fn catalogue(self) -> Option<&'static str> {
        match self {
            Kind::MessageType => Some("sys.service_message_types"),
            Kind::Contract => Some("sys.service_contracts"),
            Kind::Service => Some("sys.services"),
            _ => None,
        }
    }
}

/// An object that a batch creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its name as in the script, with brackets and schema.
    pub name: String,
}

impl Object {
    /// The object that a batch creates, if any. In a batch that creates a module everything else belongs to the module.
    pub fn of(batch: &str) -> Option<Object> {
        let line = |start: &'static str| batch.lines().find_map(move |l| l.trim_start().strip_prefix(start));
        let rest = line("CREATE OR ALTER ").or_else(|| line("CREATE "))?;
        let (rest, kind) = Kind::ALL
            .iter()
            .find_map(|(word, kind)| Some((rest.strip_prefix(word)?.strip_prefix(' ')?, *kind)))?;
        // A bracketed name may contain a blank, so a blank alone does not end it.
        let end = [" (", " ON ", " VALIDATION", " AUTHORIZATION", " WITH "]
            .iter()
            .filter_map(|e| rest.find(e))
            .min()
            .unwrap_or(rest.len());
        Some(Object { kind, name: rest[..end].trim_end().into() })
    }

    /// The condition that the object exists.
    pub fn exists(&self) -> String {
        match self.kind.catalogue() {
            None => format!("OBJECT_ID({}) IS NOT NULL", literal(&self.name)),
            Some(catalogue) => {
                format!("EXISTS (SELECT * FROM {catalogue} WHERE name = {})", literal(&self.bare()))
            }
        }
    }

    /// The statement that drops it if it exists.
    pub fn drop(&self) -> String {
        let (word, name) = (self.kind.word(), &self.name);
        if self.kind.catalogue().is_some() || self.kind == Kind::Queue {
            format!("IF {}\n    DROP {word} {name};\n", self.exists())
        } else {
            format!("DROP {word} IF EXISTS {name};\n")
        }
    }

    /// The last part of its name, without brackets.
    pub fn bare(&self) -> String {
        match self.name.strip_suffix(']') {
            Some(open) => open.rsplit_once('[').map_or(open, |(_, name)| name).replace("]]", "]"),
            None => self.name.rsplit('.').next().unwrap_or(&self.name).into(),
        }
    }

    /// Whether it is in that schema of ours, where everything is ours.
    pub fn is_in_schema(&self, schema: &str) -> bool {
        self.name.starts_with(&format!("[{schema}]."))
    }
}

/// The objects that these batches create, in order.
pub fn objects(batches: &[String]) -> Vec<Object> {
    batches.iter().filter_map(|batch| Object::of(batch)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_batches() {
        let object = |batch: &str| Object::of(batch).unwrap();
        let procedure =
            object("-- head\nCREATE OR ALTER PROCEDURE [hart].[A b]\n(\n @x int)\nCREATE TABLE #t (x int)");
        assert_eq!((procedure.kind, procedure.name.as_str()), (Kind::Procedure, "[hart].[A b]"));
        assert_eq!(procedure.drop(), "DROP PROCEDURE IF EXISTS [hart].[A b];\n");
        assert!(procedure.kind.is_module() && procedure.is_in_schema("hart"));
        let function = object("CREATE OR ALTER FUNCTION [a]]b].[f] (@x int)");
        assert_eq!((function.name.as_str(), function.bare().as_str()), ("[a]]b].[f]", "f"));
        let trigger = object("CREATE OR ALTER TRIGGER dbo.T_x ON dbo.T AFTER INSERT");
        assert_eq!((trigger.name.as_str(), trigger.bare().as_str()), ("dbo.T_x", "T_x"));
        let table = object("IF OBJECT_ID(N'dbo.T', N'U') IS NULL\n    CREATE TABLE dbo.T\n    (\n");
        assert_eq!(table.exists(), "OBJECT_ID(N'dbo.T') IS NOT NULL");
        assert!(!table.kind.is_module());
        let message = object("IF 1 = 1\n    CREATE MESSAGE TYPE [//a/b] VALIDATION = NONE;");
        assert_eq!(
            message.drop(),
            "IF EXISTS (SELECT * FROM sys.service_message_types WHERE name = N'//a/b')\n    DROP MESSAGE TYPE [//a/b];\n"
        );
        let service = object("CREATE SERVICE [//a] ON QUEUE [hart].[Q];");
        assert_eq!((service.kind, service.name.as_str()), (Kind::Service, "[//a]"));
        assert_eq!(Object::of("GRANT EXECUTE TO x;"), None);
    }
}
