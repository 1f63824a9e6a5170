SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialWeights: Vectors as serialized LINESTRINGs through (index, value).
-- Position i is (i, v_i), with nothing left out. Vectors of more than points_per_line elements become a MULTILINESTRING
-- whose x numbers on; a last line of one position takes another from the line before. A vector of one element is a
-- POINT, the empty vector LINESTRING EMPTY. The value is flagged valid, which it is. 2 GiB hold 134 million elements.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @srid (an integer from 0 to 999999) Identifier of the reference system. geography needs one for the globe, such as
--         4326.
--   @points_per_line (an integer from 3 to 2147483647) Positions of a line at most; longer vectors become a
--                    MULTILINESTRING.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   geometry varbinary(max) [serialized]: The serialized value.
--
-- NULL: NULL gives NULL.
-- Empty: The empty vector gives LINESTRING EMPTY.
-- NaN and infinity: NaN and infinities are errors: a position has none.
-- Accuracy: Exact, but for -0, which is written as 0.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: CAST(geometry AS GEOMETRY) takes the bytes. Values of different SRIDs cannot be compared.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialWeights]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[0.5,-2]'' AS varchar(max)))) AS [example] ([id], [v])';
--   gives 1 | 0x0000000001140000000000000000000000000000E03F000000000000F03F00000000000000C0
CREATE OR ALTER PROCEDURE [hart].[SpatialWeights]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @srid int = 0,
    @points_per_line int = 2147483647,
    @element varchar(64) = 'f32',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_per_read int = 10000,
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
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_weights',
                @input_data_1 = @input,
                @params = N'@srid int, @points_per_line int, @element varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @srid = @srid,
                @points_per_line = @points_per_line,
                @element = @element,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_weights',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@srid int, @points_per_line int, @element varchar(64)',
                @srid = @srid,
                @points_per_line = @points_per_line,
                @element = @element
                WITH RESULT SETS (([id] bigint, [geometry] varbinary(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_weights',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@srid int, @points_per_line int, @element varchar(64), @r_rowsPerRead int',
                @srid = @srid,
                @points_per_line = @points_per_line,
                @element = @element,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [geometry] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
