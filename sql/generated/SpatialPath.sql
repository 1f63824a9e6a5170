SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialPath: The line through positions in the order of their times.
-- One row: a LINESTRING through the positions by time, which is their M, with Z where they have one. Equal times are
-- ordered by x, y and z, so that the order of the rows does not matter. One position gives a POINT. The line is flagged
-- valid where no two parts of it lie on one another: a way back along the same line is not valid.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   time float, real, numeric or an integer type [any]: When the position was taken, in any unit, such as seconds since
--        1970; it becomes M.
--   x float, real, numeric or an integer type [length]: X.
--   y float, real, numeric or an integer type [length]: Y.
--   z float, real, numeric or an integer type [length]: Z; NULL for none.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @srid (an integer from 0 to 999999) Identifier of the reference system. geography needs one for the globe, such as
--         4326.
--   @validity (one of computed, valid, invalid) The flag stored with the shape that says whether it is valid; readers
--             believe it. computed sets it where the shape is valid beyond doubt; valid and invalid set it as the
--             caller knows.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   geometry varbinary(max) [serialized]: The serialized value.
--   points int: Number of positions.
--   length float [length]: Length in space; Z counts between two positions that have it.
--
-- NULL: Rows with NULL in time, x or y are left out.
-- Empty: No positions give one row of NULL, 0 and NULL.
-- NaN and infinity: Times, x and y that are not finite are errors.
-- Accuracy: The positions are exact. The length of s segments has a relative error of at most 5*2^-53 + s^2*2^-106, for
--           coordinates of any size; one that leaves the range of doubles is infinite. Same bits on every machine.
-- Chunks: Needs all rows in one call.
-- In T-SQL: CAST(geometry AS GEOMETRY) takes the bytes. Where the flag of validity is not set, most methods raise error
--           24144 until MakeValid() has been called. FLOAT holds neither NaN nor infinity: such a result arrives as
--           NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialPath]
--       @source = N'SELECT [time], [x], [y], [z] FROM (VALUES (CAST(2e1 AS float), CAST(3e0 AS float), CAST(4e0 AS float), CAST(NULL AS float)), (CAST(1e1 AS float), CAST(0e0 AS float), CAST(0e0 AS float), CAST(NULL AS float))) AS [example] ([time], [x], [y], [z])';
--   gives 0x000000000116000000000000000000000000000000000000000000000840000000000000104000000000000024400000000000003440 | 2 | 5
CREATE OR ALTER PROCEDURE [hart].[SpatialPath]
(
    @source nvarchar(max),
    @srid int = 0,
    @validity varchar(64) = 'computed',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'time,x,y,z', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_path',
                @input_data_1 = @input,
                @params = N'@srid int, @validity varchar(64), @rows_json varchar(max) OUTPUT',
                @srid = @srid,
                @validity = @validity,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_path',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@srid int, @validity varchar(64)',
                @srid = @srid,
                @validity = @validity
                WITH RESULT SETS (([geometry] varbinary(max), [points] int, [length] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_path',
                @input_data_1 = @input,
                @params = N'@srid int, @validity varchar(64)',
                @srid = @srid,
                @validity = @validity
                WITH RESULT SETS (([geometry] varbinary(max), [points] int, [length] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
