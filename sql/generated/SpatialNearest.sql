SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialNearest: The k nearest other positions of every position, by distance in space.
-- For every row its k nearest other rows, nearest first, by Euclidean distance in three dimensions. Equal distances are
-- ordered by the smaller id, then by row. A row is no neighbour of itself, but other rows at the same place are. For
-- one query against many rows see vector_top_k.
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
--   @k (an integer from 1 to 2147483647) Neighbours of each position at most.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   rank int: 1 for the nearest.
--   neighbor bigint: Id of the neighbour.
--   distance float [length]: Distance to it.
--
-- NULL: Rows with NULL in a coordinate have no neighbours and are none. NULL ids come after all others.
-- Empty: No rows give no rows, and a single one has no neighbours.
-- NaN and infinity: NaN, infinities and coordinates beyond 1e307 are errors.
-- Accuracy: The search is exact in the computed distances, whose relative error is at most 4*2^-53 for coordinates of
--           any size; below the range of normal doubles half a unit in the last place comes on top. The same result for
--           any number of threads, on every machine.
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialNearest]
--       @source = N'SELECT [id], [x], [y], [z] FROM (VALUES (CAST(1 AS bigint), CAST(0e0 AS float), CAST(0e0 AS float), CAST(0e0 AS float)), (CAST(2 AS bigint), CAST(1e0 AS float), CAST(2e0 AS float), CAST(2e0 AS float)), (CAST(3 AS bigint), CAST(0e0 AS float), CAST(0e0 AS float), CAST(1e0 AS float))) AS [example] ([id], [x], [y], [z])',
--       @k = 1;
--   gives 1 | 1 | 3 | 1
--   gives 2 | 1 | 3 | 2.449489742783178
--   gives 3 | 1 | 1 | 1
CREATE OR ALTER PROCEDURE [hart].[SpatialNearest]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[PointRows] READONLY,
    @k int = 10,
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
        SELECT [id], [x], [y], [z] INTO [#hart_rows] FROM @source_rows;
        SET @source = N'SELECT [id], [x], [y], [z] FROM [#hart_rows]';
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,x,y,z', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_nearest',
                @input_data_1 = @input,
                @params = N'@k int, @rows_json varchar(max) OUTPUT',
                @k = @k,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_nearest',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@k int',
                @k = @k
                WITH RESULT SETS (([id] bigint, [rank] int, [neighbor] bigint, [distance] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_nearest',
                @input_data_1 = @input,
                @params = N'@k int',
                @k = @k
                WITH RESULT SETS (([id] bigint, [rank] int, [neighbor] bigint, [distance] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
