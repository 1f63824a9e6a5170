SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.SpatialFit: Makes a basis, the map from vectors to points, and returns it as bytes.
-- One result row. The axes are orthonormal and stored as singles; trilateration has no axes: its coordinates are the
-- distances to the anchors, divided by the largest distance between two anchors or 1, whichever is greater. The bounds
-- of x, y and z are those of the rows, to be given to the curves' keys; with landmarks and trilateration the rows are
-- the landmarks or anchors, so that other vectors may lie outside. A coordinate beyond the axes is 0. The bytes have a
-- version, the bounds of all axes and a checksum.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @kind (one of clr_v1, landmarks, pca, random, trilateration) clr_v1: the three axes of the replaced assembly;
--         landmarks: the rows, orthonormalized by rising id; pca: the principal axes of the rows; random: from `seed`;
--         trilateration: distances to the rows as anchors, by rising id.
--   @axes (an integer from 1 to 1024) Axes of pca and random. Landmarks and trilateration have one for each row, clr_v1
--         has three.
--   @dimension (an integer from 0 to 1048576) Dimension of a random basis; 0: that of the rows.
--   @seed (an integer >= 0) Seed of a random basis.
--   @sample (an integer from 2 to 16777216) Rows that pca looks at, at most: of more, evenly spaced ones.
--   @pad (one of no, yes) yes: vectors shorter than the dimension of the basis are filled up with zeros; no: they are
--        an error.
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   kind varchar(8000): clr_v1, landmarks, pca, random or trilateration.
--   dimension int: Dimension of the vectors that it projects.
--   axes int: Number of axes or anchors.
--   sample_rows bigint [rows]: Rows that the bounds were measured on.
--   variance float [share of 1]: Share of the rows' total variance that the coordinates keep, which rounding may take
--            past 1; NULL where the rows do not vary, and for landmarks and trilateration.
--   x_min float [that of the vectors]: Least x of the rows; NULL where there were none.
--   x_max float [that of the vectors]: Greatest x.
--   y_min float [that of the vectors]: Least y.
--   y_max float [that of the vectors]: Greatest y.
--   z_min float [that of the vectors]: Least z.
--   z_max float [that of the vectors]: Greatest z.
--   checksum bigint: CRC-32 of the bytes, which end with it.
--   basis varbinary(max): The basis, for the other kernels' parameter `basis`.
--
-- NULL: A NULL vector is left out of samples; as a landmark or an anchor it is an error. A NULL id comes last.
-- Empty: clr_v1 and, with `dimension`, random need no rows, and then have no bounds; the others say what they miss.
-- NaN and infinity: A vector that is not finite is an error that names its row, and so is an anchor that f32 cannot
--                   hold.
-- Accuracy: Axes are computed in double precision and rounded to singles. pca: ||C*a - lambda*a|| <= 1e-6*lambda_1 for
--           every axis before it is rounded, by subspace iteration on the centred rows, with a wider subspace where
--           axes do not settle; the largest component of each axis is positive. That axes of larger variance have not
--           been missed is made likely by random directions beyond the wanted ones, and is proven by no residual.
--           variance, of n rows of dimension d, where r is the root mean square of their lengths over the root of their
--           total variance, is off by at most (n + d + 16)*2^-52 + (d/16 + 16)*sqrt axes*2^-53*r + (n*2^-52*r)^2. Same
--           bits on every instruction set and for any number of threads.
-- Chunks: Needs all rows in one call.
-- In T-SQL: FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[SpatialFit]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(2 AS bigint), CAST(''[1,1]'' AS varchar(max))), (CAST(1 AS bigint), CAST(''[2,0]'' AS varchar(max)))) AS [example] ([id], [v])',
--       @kind = N'landmarks';
--   gives 'landmarks' | 2 | 2 | 2 | NULL | 1 | 2 | 0 | 1 | 0 | 0 | 87595656 | 0x484241530100010102000000020000000200000000000000000000000000F03F000000000000F03F00000000000000400000000000000000000000000000F03F0000803F00000000000000000000803F889A3805
CREATE OR ALTER PROCEDURE [hart].[SpatialFit]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @kind varchar(64) = 'pca',
    @axes int = 3,
    @dimension int = 0,
    @seed bigint = 42,
    @sample int = 10000,
    @pad varchar(64) = 'no',
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
                @script = N'spatial_fit',
                @input_data_1 = @input,
                @params = N'@kind varchar(64), @axes int, @dimension int, @seed bigint, @sample int, @pad varchar(64), @element varchar(64), @rows_json varchar(max) OUTPUT',
                @kind = @kind,
                @axes = @axes,
                @dimension = @dimension,
                @seed = @seed,
                @sample = @sample,
                @pad = @pad,
                @element = @element,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_fit',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@kind varchar(64), @axes int, @dimension int, @seed bigint, @sample int, @pad varchar(64), @element varchar(64)',
                @kind = @kind,
                @axes = @axes,
                @dimension = @dimension,
                @seed = @seed,
                @sample = @sample,
                @pad = @pad,
                @element = @element
                WITH RESULT SETS (([kind] varchar(8000), [dimension] int, [axes] int, [sample_rows] bigint, [variance] float, [x_min] float, [x_max] float, [y_min] float, [y_max] float, [z_min] float, [z_max] float, [checksum] bigint, [basis] varbinary(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'spatial_fit',
                @input_data_1 = @input,
                @params = N'@kind varchar(64), @axes int, @dimension int, @seed bigint, @sample int, @pad varchar(64), @element varchar(64)',
                @kind = @kind,
                @axes = @axes,
                @dimension = @dimension,
                @seed = @seed,
                @sample = @sample,
                @pad = @pad,
                @element = @element
                WITH RESULT SETS (([kind] varchar(8000), [dimension] int, [axes] int, [sample_rows] bigint, [variance] float, [x_min] float, [x_max] float, [y_min] float, [y_max] float, [z_min] float, [z_max] float, [checksum] bigint, [basis] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
