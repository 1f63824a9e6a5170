SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorState: States of each group's vectors, which vector_merge puts together without loss.
-- A state holds the exact sums, sums of squares and extremes of a group's components, in about 50 bytes for each. Store
-- the states of chunks, servers or days, and merge them in any order and grouping: the result has the bits of one call
-- over all rows. Vectors of one group must have the same dimensions.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorGroups), with these columns and no
--        others. They are bound by name, or, where not all of these names are there, by position:
--   group_key an integer type: The row's group. Rows of a group need not follow each other; NULL is a group. Any other
--             type becomes such a number by DENSE_RANK() OVER (ORDER BY ...).
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @not_finite (one of error, leave_out) What happens to a vector with NaN or infinity: error, or leave_out, which
--               counts it in left_out.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   group_key bigint: The group; rows come by ascending key, NULL first.
--   state varbinary(max): The group's exact sums, squares and extremes, for vector_merge.
--   vectors bigint: Vectors that count in the group.
--   left_out bigint: Rows of the group that are left out: NULL ones, and with not_finite = leave_out those with NaN or
--            infinity.
--
-- NULL: A NULL vector is left out and counted. A group without vectors has a state of none. A NULL key is a group of
--       its own.
-- Empty: No rows give no groups.
-- NaN and infinity: An error that names the row and the component, or left out with not_finite = leave_out; so are f64
--                   numbers of 2^470 or more an error. A result beyond its element type is infinite; JSON cannot hold
--                   it, so it is NULL there.
-- Accuracy: Exact; of f64 vectors squares are cut off below 2^-1074. The same bytes for any order of the rows, number
--           of threads and instruction set. O(rows * dimensions).
-- Chunks: Each chunk or partition gives states of its own; vector_merge puts them together, with the result of one call
--         over all rows.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorState]
--       @source = N'SELECT [group_key], [v] FROM (VALUES (CAST(7 AS bigint), CAST(''[1]'' AS varchar(max))), (CAST(7 AS bigint), CAST(''[3]'' AS varchar(max)))) AS [example] ([group_key], [v])';
--   gives 7 | 0x485647010100000002000000000000000000000000000000000000000000F03F00000000000008400121000010000121000028007F58800A | 2 | 0
CREATE OR ALTER PROCEDURE [hart].[VectorState]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorGroups] READONLY,
    @element varchar(64) = 'f32',
    @not_finite varchar(64) = 'error',
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
        SELECT [group_key], [v] INTO [#hart_rows] FROM @source_rows;
        SET @source =
            CASE WHEN EXISTS (SELECT * FROM [#hart_rows] WHERE DATALENGTH([v]) > 8000)
                THEN N'SELECT [group_key], [v] FROM [#hart_rows]'
                ELSE N'SELECT [group_key], CAST([v] AS varbinary(8000)) AS [v] FROM [#hart_rows]'
            END;
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'group_key,v', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_state',
                @input_data_1 = @input,
                @params = N'@element varchar(64), @not_finite varchar(64), @rows_json varchar(max) OUTPUT',
                @element = @element,
                @not_finite = @not_finite,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_state',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@element varchar(64), @not_finite varchar(64)',
                @element = @element,
                @not_finite = @not_finite
                WITH RESULT SETS (([group_key] bigint, [state] varbinary(max), [vectors] bigint, [left_out] bigint, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_state',
                @input_data_1 = @input,
                @params = N'@element varchar(64), @not_finite varchar(64)',
                @element = @element,
                @not_finite = @not_finite
                WITH RESULT SETS (([group_key] bigint, [state] varbinary(max), [vectors] bigint, [left_out] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
