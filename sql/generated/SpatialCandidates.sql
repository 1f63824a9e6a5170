SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialCandidates: The nearest of stored points.
-- Euclidean distance in three dimensions or, with measure = xy, in two. Nearest first; equal distances are ordered by
-- the smaller id, then by input order. How many true neighbours such candidates contain is measured by spatial_recall,
-- and is less than one would hope.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.PointRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   x float, real, numeric or an integer type [that of the vectors]: Coordinate on the first axis.
--   y float, real, numeric or an integer type [that of the vectors]: On the second axis.
--   z float, real, numeric or an integer type [that of the vectors]: On the third axis.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @query_x (a finite number) Where to look from: x, as spatial_project gives it for the query's vector.
--   @query_y (a finite number) Where to look from: y.
--   @query_z (a finite number) Where to look from: z. Not used where `measure` is xy.
--   @count (an integer from 1 to 2147483647) Rows wanted.
--   @measure (one of xyz, xy) xyz: true distance in space; xy: distance in the plane, which ignores z.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   rank int [number from 1]: 1 is the nearest.
--   id bigint: The caller's key; returned unchanged.
--   distance float [that of the coordinates]: Distance from the query's point.
--
-- NULL: A point whose x or y is NULL is no candidate; a NULL z counts as 0. A NULL id is kept and loses every tie.
-- Empty: No rows give no result rows.
-- NaN and infinity: NaN and infinities are errors that name the row. A distance that leaves the range of doubles is
--                   infinite and comes last.
-- Accuracy: Relative error at most 4*2^-53, for coordinates of any size; below the range of normal doubles half a unit
--           in the last place comes on top. Same bits on every machine.
-- Chunks: Each chunk gives its own nearest; the caller merges them, by distance and then id.
-- In T-SQL: measure = xy is STDistance of geometry, which ignores Z. FLOAT holds neither NaN nor infinity: such a
--           result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialCandidates]
--       @source = N'SELECT [id], [x], [y], [z] FROM (VALUES (CAST(1 AS bigint), CAST(0e0 AS float), CAST(0e0 AS float), CAST(5e0 AS float)), (CAST(2 AS bigint), CAST(3e0 AS float), CAST(4e0 AS float), CAST(0e0 AS float)), (CAST(3 AS bigint), CAST(6e0 AS float), CAST(0e0 AS float), CAST(NULL AS float)), (CAST(4 AS bigint), CAST(NULL AS float), CAST(0e0 AS float), CAST(0e0 AS float))) AS [example] ([id], [x], [y], [z])',
--       @query_x = 0e0,
--       @query_y = 0e0,
--       @query_z = 1e0,
--       @count = 2;
--   gives 1 | 1 | 4
--   gives 2 | 2 | 5.0990195135927845
CREATE OR ALTER PROCEDURE [hart].[SpatialCandidates]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[PointRows] READONLY,
    @query_x float,
    @query_y float,
    @query_z float = 0,
    @count int = 100,
    @measure varchar(64) = 'xyz',
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
                @script = N'spatial_candidates',
                @input_data_1 = @input,
                @params = N'@query_x float, @query_y float, @query_z float, @count int, @measure varchar(64), @rows_json varchar(max) OUTPUT',
                @query_x = @query_x,
                @query_y = @query_y,
                @query_z = @query_z,
                @count = @count,
                @measure = @measure,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_candidates',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@query_x float, @query_y float, @query_z float, @count int, @measure varchar(64)',
                @query_x = @query_x,
                @query_y = @query_y,
                @query_z = @query_z,
                @count = @count,
                @measure = @measure
                WITH RESULT SETS (([rank] int, [id] bigint, [distance] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_candidates',
                @input_data_1 = @input,
                @params = N'@query_x float, @query_y float, @query_z float, @count int, @measure varchar(64)',
                @query_x = @query_x,
                @query_y = @query_y,
                @query_z = @query_z,
                @count = @count,
                @measure = @measure
                WITH RESULT SETS (([rank] int, [id] bigint, [distance] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
