SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialMorton: Morton keys of positions: the bits of their cells interleaved.
-- Each axis between its bounds is cut into 2^bits cells: cell = floor((v - min) / (max - min) * 2^bits), the upper
-- bound lying in the last cell. The key interleaves the bits of the three cells. Keys of other bounds, bits or orders
-- cannot be compared: store them beside the keys.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.PointRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   x float, real, numeric or an integer type [length]: X.
--   y float, real, numeric or an integer type [length]: Y.
--   z float, real, numeric or an integer type [length]: Z.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @min (text) Lower bounds: one number for all axes, or three, as in '-1, -1, 0'.
--   @max (text) Upper bounds: one number for all axes, or three.
--   @bits (an integer from 1 to 21) Bits of each axis. A key of fewer bits is not the beginning of one of more.
--   @order (one of x_lowest, x_highest) Which axis has the lowest of every three bits: x_lowest as in the functions
--          that were replaced (cell (1, 0, 0) has key 1), x_highest as in the Hilbert keys (key 4).
--   @outside (one of error, clamp) What a coordinate outside of the bounds gives: an error, or the cell at the edge.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   key bigint [index from 0]: The position along the curve.
--
-- NULL: NULL in any coordinate gives NULL.
-- Empty: No rows give no rows.
-- NaN and infinity: NaN and infinities are errors, also with outside = clamp.
-- Accuracy: Cells are exact results of the formula in double precision, the same on every machine; keys are exact.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: Bounds from float columns: CONVERT(varchar(40), x, 3) keeps all digits.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialMorton]
--       @source = N'SELECT [id], [x], [y], [z] FROM (VALUES (CAST(1 AS bigint), CAST(1e0 AS float), CAST(2e0 AS float), CAST(3e0 AS float)), (CAST(2 AS bigint), CAST(1e0 AS float), CAST(NULL AS float), CAST(3e0 AS float))) AS [example] ([id], [x], [y], [z])',
--       @min = N'0',
--       @max = N'32',
--       @bits = 5;
--   gives 1 | 53
--   gives 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[SpatialMorton]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[PointRows] READONLY,
    @min nvarchar(max) = N'0',
    @max nvarchar(max) = N'1',
    @bits int = 21,
    @order varchar(64) = 'x_lowest',
    @outside varchar(64) = 'error',
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
        SELECT [id], [x], [y], [z] INTO [#hart_rows] FROM @source_rows;
        SET @source = N'SELECT [id], [x], [y], [z] FROM [#hart_rows]';
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,x,y,z', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_morton',
                @input_data_1 = @input,
                @params = N'@min nvarchar(max), @max nvarchar(max), @bits int, @order varchar(64), @outside varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @min = @min,
                @max = @max,
                @bits = @bits,
                @order = @order,
                @outside = @outside,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_morton',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@min nvarchar(max), @max nvarchar(max), @bits int, @order varchar(64), @outside varchar(64)',
                @min = @min,
                @max = @max,
                @bits = @bits,
                @order = @order,
                @outside = @outside
                WITH RESULT SETS (([id] bigint, [key] bigint, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_morton',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@min nvarchar(max), @max nvarchar(max), @bits int, @order varchar(64), @outside varchar(64), @r_rowsPerRead int',
                @min = @min,
                @max = @max,
                @bits = @bits,
                @order = @order,
                @outside = @outside,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [key] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
