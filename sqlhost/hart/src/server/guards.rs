//! Checks that only a server can perform: which `@source` the guarding procedures reject, and with which error; that
//! columns of the server's own types pass unchanged; that texts and rows arrive whole.

/// A batch and its expected outcome.
pub struct Guard {
    /// The case under test.
    pub name: &'static str,
    /// The batch. It changes nothing, whatever its outcome.
    pub batch: &'static str,
    /// Number of the error and the beginning of its message; `None` if it must succeed.
    pub error: Option<(u32, &'static str)>,
    /// First major version of SQL Server that has the types it uses.
    pub since: u32,
}

impl Guard {
    const fn refused(name: &'static str, batch: &'static str, code: u32, beginning: &'static str) -> Guard {
        Guard { name, batch, error: Some((code, beginning)), since: 15 }
    }

    const fn passes(name: &'static str, batch: &'static str) -> Guard {
        Guard { name, batch, error: None, since: 15 }
    }

    /// The same on SQL Server 2025, which has VECTOR and JSON.
    const fn since_2025(self) -> Guard {
        Guard { since: 17, ..self }
    }
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

/// A search in the rows (7, (0, 0)) and (8, (3, 4)) with these types and this query; 8 is the answer.
macro_rules! search {
    ($source:expr) => {
        search!("", $source, "'[3,4]'")
    };
    ($before:literal, $source:expr, $query:literal) => {
        concat!(
            $before,
            "DECLARE @hits TABLE ([query] int, [rank] int, id bigint, distance float);\nINSERT @hits\nEXEC [hart].[VectorTopK] @source = N'",
            $source,
            "', @query = ",
            $query,
            ", @k = 1, @metric = 'euclidean';\nIF (SELECT COUNT(*) FROM @hits WHERE id = 8 AND distance = 0) <> 1\n    \
             THROW 59960, N'the search did not find 8 at distance 0', 1;\n"
        )
    };
}

/// Two rows with a column of a type.
macro_rules! rows {
    ($sql:literal) => {
        concat!(
            "(VALUES (CAST(7 AS bigint), CAST(''[0,0]'' AS ",
            $sql,
            ")), (8, CAST(''[3,4]'' AS ",
            $sql,
            "))) AS [rows] ([id], [v])"
        )
    };
}

/// A query whose rows must pass unchanged.
macro_rules! unchanged {
    ($source:expr) => {
        concat!(
            "DECLARE @input nvarchar(max), @source nvarchar(max) = N'",
            $source,
            "';\nEXEC [hart].[PrepareSource] @source = @source, @columns = N'id,v', @by_part = 0, @input = @input OUTPUT;\n\
             IF @input <> @source\n    THROW 59960, N'the query was changed', 1;\n"
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

/// The checks. A source accepted by mistake would not be executed by them.
pub const GUARDS: &[Guard] = &[
    Guard::refused(
        "@source that is no SELECT",
        prepare!("N'DROP TABLE [hart].[none]'", "id,v", "0", ""),
        59901,
        "@source is 'DROP TABLE",
    ),
    Guard::refused(
        "@source that is the name of a table",
        prepare!("N'dbo.Documents; SELECT 1 AS [id]'", "id,v", "0", ""),
        59901,
        "@source is 'dbo.Documents",
    ),
    Guard::refused(
        "@source that only begins as SELECT does",
        prepare!("N'SELECTED'", "id,v", "0", ""),
        59901,
        "@source is 'SELECTED'",
    ),
    Guard::refused("@source NULL", prepare!("NULL", "id,v", "0", ""), 59901, "@source is NULL"),
    Guard::refused(
        "@source of a table that is not there",
        prepare!("N'SELECT [id], [v] FROM [hart].[no such table]'", "id,v", "0", ""),
        59902,
        "@source cannot be run",
    ),
    Guard::refused(
        "@source with a column too many",
        prepare!("N'SELECT CAST(1 AS bigint) AS [id], ''[1]'' AS [v], 2 AS [w]'", "id,v", "0", ""),
        59903,
        "@source returns id bigint, v ",
    ),
    Guard::refused(
        "@source without the column part",
        prepare!("N'SELECT CAST(1 AS bigint) AS [id], ''[1]'' AS [v], 2 AS [w]'", "id,v", "1", ""),
        59903,
        "@source returns id bigint, v ",
    ),
    Guard::refused(
        "@source of two statements, where a cast is put around it",
        prepare!(
            "N'SELECT CAST(1 AS bigint) AS [id], geometry::Point(1, 2, 0) AS [v]; SELECT 2 AS [id], 3 AS [v]'",
            "id,v",
            "0",
            ""
        ),
        59904,
        "@source returns a VECTOR, JSON or spatial column that cannot be cast",
    ),
    Guard::refused(
        "@source that closes the cast around it",
        prepare!(
            "N'SELECT 1 AS [id], geometry::Point(1, 2, 0) AS [v]) AS [source]; SELECT (1'",
            "id,v",
            "0",
            ""
        ),
        59902,
        "@source cannot be run",
    ),
    Guard::refused(
        "@source with two columns of one name, where a cast is needed",
        prepare!("N'SELECT 1 AS [v], geometry::Point(1, 2, 0) AS [v]'", "", "0", ""),
        59904,
        "@source returns a VECTOR, JSON or spatial column, and columns",
    ),
    Guard::passes(
        "@source with a column whose name has a bracket",
        prepare!(
            "N'SELECT 1 AS [a]]b], geometry::Point(1, 2, 0) AS [c]]; DROP TABLE t --] -- end'",
            "",
            "0",
            "IF @input NOT LIKE N'SELECT [[]c1] AS [[]a]]b], CAST([[]c2] AS varbinary(max)) AS [[]c]]; DROP TABLE t --] FROM (SELECT %'\n    \
             THROW 59960, N'the names were not put into brackets', 1;\n"
        ),
    ),
    Guard::passes(
        "@source that goes through as it is",
        prepare!(
            "N'  SELECT CAST(1 AS bigint) AS [id], ''[1]'' AS [v]'",
            "id,v",
            "0",
            "IF @input <> N'  SELECT CAST(1 AS bigint) AS [id], ''[1]'' AS [v]'\n    THROW 59960, N'the query was changed', 1;\n"
        ),
    ),
    Guard::refused(
        "a kernel's line as an error",
        rethrow!("A message: hart: vector_norm: column v, row 1: no number [hart error 9]"),
        59009,
        "hart: vector_norm: column v, row 1: no number [hart error 9]",
    ),
    Guard::refused(
        "a line without a number as an error",
        rethrow!("hart: the process ended"),
        59900,
        "hart: the process ended",
    ),
    Guard::refused(
        "a line with a number that no kernel has",
        rethrow!("hart: x [hart error 9''; --"),
        59900,
        "hart: x [hart error 9'; --",
    ),
    Guard::refused("an error of another origin", rethrow!("something else"), 50001, "something else"),
    Guard::refused(
        "a script's error without its line",
        "BEGIN TRY\n    RAISERROR(39004, 16, 1, N'hart', 1);\nEND TRY\nBEGIN CATCH\n    EXEC [hart].[RethrowKernelError];\n    THROW;\nEND CATCH;\n",
        59900,
        "the external script failed; the line that begins with \"hart:\"",
    ),
    Guard::refused(
        "@source with signs of formats",
        prepare!("N'VALUES (''50% of %d %s'')'", "id,v", "0", ""),
        59901,
        "@source is 'VALUES ('50% of %d %s')'",
    ),
    Guard::refused(
        "a line with signs of formats",
        rethrow!("hart: 100%% of %%s and %%d"),
        59900,
        "hart: 100% of %s and %d",
    ),
    Guard::passes(
        "text in a query with WITH",
        unchanged!(
            "WITH [t] AS (SELECT CAST(1 AS bigint) AS [id], ''[1]'' AS [v]) SELECT [id], [v] FROM [t]"
        ),
    ),
    Guard::passes(
        "text in a query with ORDER BY",
        unchanged!(concat!("SELECT [id], [v] FROM ", rows!("varchar(max)"), " ORDER BY [id] DESC")),
    ),
    Guard::passes(
        "text in columns without names",
        unchanged!("SELECT CAST(1 AS bigint), CAST(''[1]'' AS varchar(max))"),
    ),
    Guard::passes(
        "rows in an OUTPUT parameter",
        concat!(
            "DECLARE @rows varchar(max) = '';\nEXEC [hart].[VectorTopK] @source = N'SELECT [id], [v] FROM ",
            rows!("varchar(max)"),
            "', @query = '[3,4]', @k = 2, @metric = 'euclidean', @rows_json = @rows OUTPUT;\n\
             IF (SELECT STRING_AGG(CONCAT([rank], N' ', id, N' ', distance), N', ') WITHIN GROUP (ORDER BY [rank])\n    \
             FROM OPENJSON(@rows) WITH ([rank] int, id bigint, distance float)) <> N'1 8 0, 2 7 5'\n    \
             THROW 59960, N'the OUTPUT parameter does not hold 8 at distance 0 and 7 at distance 5', 1;\n"
        ),
    ),
    Guard::passes(
        "a vector of more than 8,000 bytes in @source_rows",
        "DECLARE @long [hart].[VectorRows], @norms TABLE (id bigint, norm float);\n\
         INSERT @long (id, v) VALUES (1, CAST(REPLICATE(CAST('a' AS varchar(max)), 10000) AS varbinary(max)));\n\
         INSERT @norms\nEXEC [hart].[VectorNorm] @source_rows = @long, @element = 'i8';\n\
         IF NOT EXISTS (SELECT * FROM @norms WHERE ABS(norm - 9700) < 1e-9)\n    \
         THROW 59960, N'the norm of ten thousand components of 97 is not 9700', 1;\n",
    ),
    Guard::passes(
        "@source with a VECTOR column",
        search!(concat!("SELECT [id], [v] FROM ", rows!("VECTOR(2)"))),
    )
    .since_2025(),
    Guard::passes("@source with a JSON column", search!(concat!("SELECT [id], [v] FROM ", rows!("JSON"))))
        .since_2025(),
    Guard::passes(
        "@source with a VECTOR column and WITH",
        search!(concat!(
            "WITH [t] AS (SELECT [id], [v] FROM ",
            rows!("VECTOR(2)"),
            ") SELECT [id], [v] FROM [t] OPTION (MAXDOP 1);"
        )),
    )
    .since_2025(),
    Guard::passes(
        "@query of the type VECTOR",
        search!(
            "DECLARE @vector VECTOR(2) = '[3,4]';\n",
            concat!("SELECT [id], [v] FROM ", rows!("VECTOR(2)")),
            "@vector"
        ),
    )
    .since_2025(),
    Guard::passes(
        "@query of the type JSON",
        search!(
            "DECLARE @json JSON = '[3,4]';\nDECLARE @text varchar(max) = CAST(@json AS varchar(max));\n",
            concat!("SELECT [id], [v] FROM ", rows!("VECTOR(2)")),
            "@text"
        ),
    )
    .since_2025(),
    Guard::refused(
        "@source with a VECTOR column and ORDER BY",
        prepare!(
            "N'SELECT CAST(1 AS bigint) AS [id], CAST(''[1]'' AS VECTOR(1)) AS [v] ORDER BY [id]'",
            "id,v",
            "0",
            ""
        ),
        59904,
        "@source returns a VECTOR, JSON or spatial column and ends with ORDER BY",
    )
    .since_2025(),
    Guard::refused(
        "@source with a VECTOR column without a name",
        prepare!("N'SELECT CAST(1 AS bigint) AS [id], CAST(''[1]'' AS VECTOR(1))'", "id,v", "0", ""),
        59904,
        "@source returns a VECTOR, JSON or spatial column, and columns without a name",
    )
    .since_2025(),
];
