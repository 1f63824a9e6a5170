//! Checks of the procedures that guard every call: which `@source` is refused, and with which error.

/// A batch, and what it must end with.
pub struct Guard {
    /// What is tried.
    pub name: &'static str,
    /// The batch. It changes nothing, whatever becomes of it.
    pub batch: &'static str,
    /// Number of the error and the beginning of its message; `None` where it must go through.
    pub error: Option<(u32, &'static str)>,
}

macro_rules! prepare {
    ($source:literal, $columns:literal, $by_part:literal, $then:literal) => {
        concat!(
            "DECLARE @input nvarchar(max);\nEXEC [hart].[PrepareSource] @source = ",
            $source,
            ", @columns = N'",
            $columns,
            "', @by_part = ",
            $by_part,
            ", @input = @input OUTPUT;\n",
            $then
        )
    };
}

macro_rules! rethrow {
    ($line:literal) => {
        concat!(
            "BEGIN TRY\n    THROW 50001, N'",
            $line,
            "', 1;\nEND TRY\nBEGIN CATCH\n    EXEC [hart].[RethrowKernelError];\n    THROW;\nEND CATCH;\n"
        )
    };
}

/// The checks. Sources that were let through by mistake would not be run by them.
pub const GUARDS: &[Guard] = &[
    Guard {
        name: "@source that is no SELECT",
        batch: prepare!("N'DROP TABLE [hart].[none]'", "id,v", "0", ""),
        error: Some((59901, "@source is 'DROP TABLE")),
    },
    Guard {
        name: "@source that is the name of a table",
        batch: prepare!("N'dbo.Documents; SELECT 1 AS [id]'", "id,v", "0", ""),
        error: Some((59901, "@source is 'dbo.Documents")),
    },
    Guard {
        name: "@source that only begins as SELECT does",
        batch: prepare!("N'SELECTED'", "id,v", "0", ""),
        error: Some((59901, "@source is 'SELECTED'")),
    },
    Guard {
        name: "@source NULL",
        batch: prepare!("NULL", "id,v", "0", ""),
        error: Some((59901, "@source is NULL")),
    },
    Guard {
        name: "@source of a table that is not there",
        batch: prepare!("N'SELECT [id], [v] FROM [hart].[no such table]'", "id,v", "0", ""),
        error: Some((59902, "@source cannot be run")),
    },
    Guard {
        name: "@source with a column too many",
        batch: prepare!("N'SELECT CAST(1 AS bigint) AS [id], ''[1]'' AS [v], 2 AS [w]'", "id,v", "0", ""),
        error: Some((59903, "@source returns id bigint, v ")),
    },
    Guard {
        name: "@source without the column part",
        batch: prepare!("N'SELECT CAST(1 AS bigint) AS [id], ''[1]'' AS [v], 2 AS [w]'", "id,v", "1", ""),
        error: Some((59903, "@source returns id bigint, v ")),
    },
    Guard {
        name: "@source of two statements, where a cast is put around it",
        batch: prepare!(
            "N'SELECT CAST(1 AS bigint) AS [id], geometry::Point(1, 2, 0) AS [v]; SELECT 2 AS [id], 3 AS [v]'",
            "id,v",
            "0",
            ""
        ),
        error: Some((59904, "@source returns a VECTOR, JSON or spatial column that cannot be cast")),
    },
    Guard {
        name: "@source that closes the cast around it",
        batch: prepare!(
            "N'SELECT 1 AS [id], geometry::Point(1, 2, 0) AS [v]) AS [source]; SELECT (1'",
            "id,v",
            "0",
            ""
        ),
        // As a query of its own it is none.
        error: Some((59902, "@source cannot be run")),
    },
    Guard {
        name: "@source with two columns of one name, where a cast is needed",
        batch: prepare!("N'SELECT 1 AS [v], geometry::Point(1, 2, 0) AS [v]'", "", "0", ""),
        error: Some((59904, "@source returns a VECTOR, JSON or spatial column, and columns")),
    },
    Guard {
        name: "@source with a column whose name has a bracket",
        batch: prepare!(
            "N'SELECT 1 AS [a]]b], geometry::Point(1, 2, 0) AS [c]]; DROP TABLE t --] -- end'",
            "",
            "0",
            "IF @input NOT LIKE N'SELECT [[]a]]b], CAST([[]c]]; DROP TABLE t --] AS varbinary(max)) AS [[]c]]; DROP TABLE t --] FROM (SELECT %'\n    \
             THROW 59960, @input, 1;\n"
        ),
        error: None,
    },
    Guard {
        name: "@source that goes through as it is",
        batch: prepare!(
            "N'  SELECT CAST(1 AS bigint) AS [id], ''[1]'' AS [v]'",
            "id,v",
            "0",
            "IF @input <> N'  SELECT CAST(1 AS bigint) AS [id], ''[1]'' AS [v]'\n    THROW 59960, @input, 1;\n"
        ),
        error: None,
    },
    Guard {
        name: "a kernel's line as an error",
        batch: rethrow!("A message: hart: vector_norm: column v, row 1: no number [hart error 9]"),
        error: Some((59009, "hart: vector_norm: column v, row 1: no number [hart error 9]")),
    },
    Guard {
        name: "a line without a number as an error",
        batch: rethrow!("hart: the process ended"),
        error: Some((59900, "hart: the process ended")),
    },
    Guard {
        name: "a line with a number that no kernel has",
        batch: rethrow!("hart: x [hart error 9''; --"),
        error: Some((59900, "hart: x [hart error 9'; --")),
    },
    Guard {
        name: "an error of another origin",
        batch: rethrow!("something else"),
        error: Some((50001, "something else")),
    },
];
