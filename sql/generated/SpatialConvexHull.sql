SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialConvexHull: The convex hull of all positions in the plane.
-- One row: the smallest convex shape that holds all positions, a POLYGON whose ring runs counter-clockwise from the
-- corner with the smallest x, then y; positions on its edges are no corners. Positions on one straight line give a
-- LINESTRING of two positions, equal positions a POINT.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.PlaneRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   x float, real, numeric or an integer type [length]: X.
--   y float, real, numeric or an integer type [length]: Y.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @srid (an integer from 0 to 999999) Identifier of the reference system. geography needs one for the globe, such as
--         4326.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   geometry varbinary(max) [serialized]: The serialized value.
--   corners int: Number of different corners.
--   area float [length^2]: Area of the hull.
--
-- NULL: Rows with NULL in a coordinate are left out.
-- Empty: No positions give one row of NULL, 0 and NULL.
-- NaN and infinity: NaN, infinities and coordinates beyond 1e100 are errors.
-- Accuracy: The corners are exact for coordinates that are 0 or at least 1e-250 of the largest, and do not depend on
--           the order of the rows. The area of n corners is off by at most 2^-53 of its size and 32*n^2*2^-106*d^2,
--           where d is the largest distance between two corners. Same bits on every machine.
-- Chunks: Needs all rows in one call.
-- In T-SQL: CAST(geometry AS GEOMETRY) takes the bytes. Values of different SRIDs cannot be compared. FLOAT holds
--           neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialConvexHull]
--       @source = N'SELECT [x], [y] FROM (VALUES (CAST(0e0 AS float), CAST(0e0 AS float)), (CAST(1e0 AS float), CAST(0e0 AS float)), (CAST(5e-1 AS float), CAST(0e0 AS float)), (CAST(2.5e-1 AS float), CAST(NULL AS float))) AS [example] ([x], [y])';
--   gives 0x00000000011400000000000000000000000000000000000000000000F03F0000000000000000 | 2 | 0
CREATE OR ALTER PROCEDURE [hart].[SpatialConvexHull]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[PlaneRows] READONLY,
    @srid int = 0,
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
        SELECT [x], [y] INTO [#hart_rows] FROM @source_rows;
        SET @source = N'SELECT [x], [y] FROM [#hart_rows]';
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'x,y', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_convex_hull',
                @input_data_1 = @input,
                @params = N'@srid int, @rows_json varchar(max) OUTPUT',
                @srid = @srid,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_convex_hull',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@srid int',
                @srid = @srid
                WITH RESULT SETS (([geometry] varbinary(max), [corners] int, [area] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_convex_hull',
                @input_data_1 = @input,
                @params = N'@srid int',
                @srid = @srid
                WITH RESULT SETS (([geometry] varbinary(max), [corners] int, [area] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
