SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorIsolationForest: Isolation forest: how easily random cuts separate a row from others.
-- Each tree gets `sample` rows, drawn without replacement. A node draws a component that varies among its rows and a
-- place between its least and greatest number uniformly, and cuts there, down to ceiling(log_2 sample) levels. The
-- score is 2^(-h/c): h the mean over the trees of the levels that a row passes plus c(rows) of the node where it ends,
-- c(n) = 2*H(n - 1) - 2*(n - 1)/n. Near 1 for outliers, below 0.5 for others.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @trees (an integer from 1 to 100000) Trees.
--   @sample (an integer from 2 to 1048576) Rows for a tree; of fewer rows all.
--   @seed (an integer >= 0) Seed of SplitMix64, from which the start is drawn.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   score float: The score, between 0 and 1.
--
-- NULL: A NULL vector gives NULL. A NULL id comes last.
-- Empty: No rows give no rows. A single vector is an error; so is an empty one.
-- NaN and infinity: A vector that is not finite is an error that names its row.
-- Accuracy: Double precision. Rows are drawn by rising id with SplitMix64 from `seed`: same bits for any order of rows
--           with distinct integer ids, number of threads and instruction set. Another seed gives other scores, of 100
--           trees by some hundredths. O(trees * (sample * dimensions + (sample + rows) * log sample)).
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorIsolationForest]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[0]'' AS varchar(max))), (CAST(2 AS bigint), CAST(''[1]'' AS varchar(max))), (CAST(3 AS bigint), CAST(NULL AS varchar(max)))) AS [example] ([id], [v])';
--   gives 1 | 0.5
--   gives 2 | 0.5
--   gives 3 | NULL
CREATE OR ALTER PROCEDURE [hart].[VectorIsolationForest]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @trees int = 100,
    @sample int = 256,
    @seed bigint = 42,
    @element varchar(64) = 'f32',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @source IS NOT NULL AND EXISTS (SELECT * FROM @source_rows)
        THROW 59908, N'@source and @source_rows are both given; expected one of them', 1;
    IF @source IS NULL
    BEGIN
        IF NOT EXISTS (SELECT * FROM @source_rows)
            THROW 59909, N'neither @source nor a row in @source_rows is given; expected one of them', 1;
        IF @by_part = 1
            THROW 59907, N'@by_part = 1 needs @source: the rows of @source_rows have no column part', 1;
        SELECT [id], [v] INTO [#hart_rows] FROM @source_rows;
        SET @source =
            CASE WHEN EXISTS (SELECT * FROM [#hart_rows] WHERE DATALENGTH([v]) > 8000)
                THEN N'SELECT [id], [v] FROM [#hart_rows]'
                ELSE N'SELECT [id], CAST([v] AS varbinary(8000)) AS [v] FROM [#hart_rows]'
            END;
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,v', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_isolation_forest',
                @input_data_1 = @input,
                @params = N'@trees int, @sample int, @seed bigint, @element varchar(64), @rows_json varchar(max) OUTPUT',
                @trees = @trees,
                @sample = @sample,
                @seed = @seed,
                @element = @element,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_isolation_forest',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@trees int, @sample int, @seed bigint, @element varchar(64)',
                @trees = @trees,
                @sample = @sample,
                @seed = @seed,
                @element = @element
                WITH RESULT SETS (([id] bigint, [score] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_isolation_forest',
                @input_data_1 = @input,
                @params = N'@trees int, @sample int, @seed bigint, @element varchar(64)',
                @trees = @trees,
                @sample = @sample,
                @seed = @seed,
                @element = @element
                WITH RESULT SETS (([id] bigint, [score] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
