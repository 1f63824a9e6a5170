SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialHilbertInverse: The positions of Hilbert keys: the middles of their cells.
-- The inverse of spatial_hilbert with the same bounds and bits: min + (cell + 1/2) / 2^bits * (max - min) on each axis,
-- of which spatial_hilbert makes the key again. Bounds so near to each other that a cell is narrower than two steps
-- between doubles are errors that give the least distance.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.KeyRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   key an integer type [index from 0]: The position along the curve.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @min (text) Lower bounds: one number for all axes, or three, as in '-1, -1, 0'.
--   @max (text) Upper bounds: one number for all axes, or three.
--   @bits (an integer from 1 to 21) Bits of each axis. A key of fewer bits is not the beginning of one of more.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   x float [length]: X.
--   y float [length]: Y.
--   z float [length]: Z.
--
-- NULL: A NULL key gives NULL coordinates.
-- Empty: No rows give no rows.
-- NaN and infinity: Keys are whole numbers; one that is negative or has more than 3*bits bits is an error.
-- Accuracy: Cells are exact. A middle is off by at most half a unit in the last place of the larger bound and 2^-51 of
--           the distance of the bounds, and its key is the one given. Same bits on every machine.
-- Chunks: Row by row: chunks do not change results.
-- In T-SQL: Bounds from float columns: CONVERT(varchar(40), x, 3) keeps all digits. FLOAT holds neither NaN nor
--           infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialHilbertInverse]
--       @source = N'SELECT [id], [key] FROM (VALUES (CAST(1 AS bigint), CAST(7865 AS bigint)), (CAST(2 AS bigint), CAST(0 AS bigint))) AS [example] ([id], [key])',
--       @min = N'0',
--       @max = N'32',
--       @bits = 5;
--   gives 1 | 5.5 | 10.5 | 20.5
--   gives 2 | 0.5 | 0.5 | 0.5
CREATE OR ALTER PROCEDURE [hart].[SpatialHilbertInverse]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[KeyRows] READONLY,
    @min nvarchar(max) = N'0',
    @max nvarchar(max) = N'1',
    @bits int = 21,
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
        SELECT [id], [key] INTO [#hart_rows] FROM @source_rows;
        SET @source = N'SELECT [id], [key] FROM [#hart_rows]';
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,key', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_hilbert_inverse',
                @input_data_1 = @input,
                @params = N'@min nvarchar(max), @max nvarchar(max), @bits int, @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @min = @min,
                @max = @max,
                @bits = @bits,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_hilbert_inverse',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@min nvarchar(max), @max nvarchar(max), @bits int',
                @min = @min,
                @max = @max,
                @bits = @bits
                WITH RESULT SETS (([id] bigint, [x] float, [y] float, [z] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_hilbert_inverse',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@min nvarchar(max), @max nvarchar(max), @bits int, @r_rowsPerRead int',
                @min = @min,
                @max = @max,
                @bits = @bits,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [x] float, [y] float, [z] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
