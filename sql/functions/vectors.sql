-- The replaced scalar functions over SQL Server 2025's own VECTOR functions, for places where an expression is needed: a
-- computed value in SELECT, WHERE or ORDER BY. They start no process and take one row at a time; for whole tables the procedures
-- of schema hart are the way.
--
--   export Schema=dbo Dimensions=1998                     (Windows: set Schema=dbo, then set Dimensions=1998)
--   sqlcmd -b -d <database> -i functions/vectors.sql
--
-- Dimensions is that of your VECTOR columns: SQL Server's functions take vectors of one dimension. For another dimension install
-- them into another schema. They have the names of the old T-SQL wrappers (VectorNorm over clr_VectorNorm) and replace
-- those; an assembly's function of the same name is not replaced, SQL Server refuses that.
--
-- All: NULL in, NULL out. VECTOR holds neither NaN nor infinity, and both vectors have Dimensions components, so the old
-- functions' errors for unequal lengths cannot occur. Sums are SQL Server's: their last digits are not those of schema hart.
-- Those without STRING_AGG have the form that SQL Server can put into the calling query (scalar UDF inlining); STRING_AGG prevents it.

SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Sum of products.
CREATE OR ALTER FUNCTION [$(Schema)].[VectorDotProduct] (@v1 VECTOR($(Dimensions)), @v2 VECTOR($(Dimensions)))
RETURNS float
WITH SCHEMABINDING
AS
BEGIN
    RETURN -VECTOR_DISTANCE('dot', @v1, @v2);
END;
GO
-- 0 where one of the vectors is zero, as the old function; in [-1, 1].
CREATE OR ALTER FUNCTION [$(Schema)].[VectorCosineSimilarity] (@v1 VECTOR($(Dimensions)), @v2 VECTOR($(Dimensions)))
RETURNS float
WITH SCHEMABINDING
AS
BEGIN
    RETURN
        CASE
            WHEN VECTOR_NORM(@v1, 'norm2') = 0 AND @v2 IS NOT NULL THEN 0
            WHEN VECTOR_NORM(@v2, 'norm2') = 0 AND @v1 IS NOT NULL THEN 0
            WHEN VECTOR_DISTANCE('cosine', @v1, @v2) < 0 THEN 1
            WHEN VECTOR_DISTANCE('cosine', @v1, @v2) > 2 THEN -1
            ELSE 1 - VECTOR_DISTANCE('cosine', @v1, @v2)
        END;
END;
GO
-- Not squared.
CREATE OR ALTER FUNCTION [$(Schema)].[VectorEuclideanDistance] (@v1 VECTOR($(Dimensions)), @v2 VECTOR($(Dimensions)))
RETURNS float
WITH SCHEMABINDING
AS
BEGIN
    RETURN VECTOR_DISTANCE('euclidean', @v1, @v2);
END;
GO
CREATE OR ALTER FUNCTION [$(Schema)].[VectorNorm] (@v VECTOR($(Dimensions)))
RETURNS float
WITH SCHEMABINDING
AS
BEGIN
    RETURN VECTOR_NORM(@v, 'norm2');
END;
GO
-- A zero vector comes back unchanged, as from the old function.
CREATE OR ALTER FUNCTION [$(Schema)].[VectorNormalize] (@v VECTOR($(Dimensions)))
RETURNS VECTOR($(Dimensions))
WITH SCHEMABINDING
AS
BEGIN
    DECLARE @result VECTOR($(Dimensions)) = @v;
    IF VECTOR_NORM(@v, 'norm2') <> 0
        SET @result = VECTOR_NORMALIZE(@v, 'norm2');
    RETURN @result;
END;
GO

-- From here on SQL Server has no function of its own: the vectors go through their text, which costs a fraction of a
-- millisecond a call and, in SQL Server's eight digits, the last bit of about one component in a hundred. Exact and fast for many
-- rows: hart.VectorAdd, hart.VectorSubtract, hart.VectorScale, hart.VectorLerp, hart.VectorSoftmax, hart.VectorArgMax.
CREATE OR ALTER FUNCTION [$(Schema)].[VectorAdd] (@v1 VECTOR($(Dimensions)), @v2 VECTOR($(Dimensions)))
RETURNS VECTOR($(Dimensions))
WITH SCHEMABINDING
AS
BEGIN
    DECLARE @text nvarchar(max) =
        (SELECT STRING_AGG(CONVERT(nvarchar(max), CAST(CAST(a.[value] AS float) + CAST(b.[value] AS float) AS real), 3), N',')
                WITHIN GROUP (ORDER BY CAST(a.[key] AS int))
         FROM OPENJSON(CAST(@v1 AS nvarchar(max))) AS a
         JOIN OPENJSON(CAST(@v2 AS nvarchar(max))) AS b ON b.[key] = a.[key]);
    RETURN CAST(N'[' + @text + N']' AS VECTOR($(Dimensions)));
END;
GO
CREATE OR ALTER FUNCTION [$(Schema)].[VectorSubtract] (@v1 VECTOR($(Dimensions)), @v2 VECTOR($(Dimensions)))
RETURNS VECTOR($(Dimensions))
WITH SCHEMABINDING
AS
BEGIN
    DECLARE @text nvarchar(max) =
        (SELECT STRING_AGG(CONVERT(nvarchar(max), CAST(CAST(a.[value] AS float) - CAST(b.[value] AS float) AS real), 3), N',')
                WITHIN GROUP (ORDER BY CAST(a.[key] AS int))
         FROM OPENJSON(CAST(@v1 AS nvarchar(max))) AS a
         JOIN OPENJSON(CAST(@v2 AS nvarchar(max))) AS b ON b.[key] = a.[key]);
    RETURN CAST(N'[' + @text + N']' AS VECTOR($(Dimensions)));
END;
GO
-- The factor is rounded to single precision first, as in the old function.
CREATE OR ALTER FUNCTION [$(Schema)].[VectorScale] (@v VECTOR($(Dimensions)), @scalar float)
RETURNS VECTOR($(Dimensions))
WITH SCHEMABINDING
AS
BEGIN
    DECLARE @factor float = CAST(@scalar AS real);
    DECLARE @text nvarchar(max) =
        (SELECT STRING_AGG(CONVERT(nvarchar(max), CAST(CAST(a.[value] AS float) * @factor AS real), 3), N',')
                WITHIN GROUP (ORDER BY CAST(a.[key] AS int))
         FROM OPENJSON(CAST(@v AS nvarchar(max))) AS a);
    RETURN CAST(N'[' + @text + N']' AS VECTOR($(Dimensions)));
END;
GO
-- @t is not clamped to [0, 1], as in the old function.
CREATE OR ALTER FUNCTION [$(Schema)].[VectorLerp] (@v1 VECTOR($(Dimensions)), @v2 VECTOR($(Dimensions)), @t float)
RETURNS VECTOR($(Dimensions))
WITH SCHEMABINDING
AS
BEGIN
    DECLARE @part float = CAST(@t AS real);
    DECLARE @text nvarchar(max) =
        (SELECT STRING_AGG(CONVERT(nvarchar(max),
                    CAST(CAST(a.[value] AS float) * (1 - @part) + CAST(b.[value] AS float) * @part AS real), 3), N',')
                WITHIN GROUP (ORDER BY CAST(a.[key] AS int))
         FROM OPENJSON(CAST(@v1 AS nvarchar(max))) AS a
         JOIN OPENJSON(CAST(@v2 AS nvarchar(max))) AS b ON b.[key] = a.[key]);
    RETURN CAST(N'[' + @text + N']' AS VECTOR($(Dimensions)));
END;
GO
CREATE OR ALTER FUNCTION [$(Schema)].[VectorSoftmax] (@v VECTOR($(Dimensions)))
RETURNS VECTOR($(Dimensions))
WITH SCHEMABINDING
AS
BEGIN
    DECLARE @greatest float, @total float;
    SELECT @greatest = MAX(CAST(a.[value] AS float)) FROM OPENJSON(CAST(@v AS nvarchar(max))) AS a;
    -- EXP of less than -745 is 0 on paper; SQL Server calls smaller arguments out of range.
    SELECT @total = SUM(CASE WHEN CAST(a.[value] AS float) - @greatest > -700 THEN EXP(CAST(a.[value] AS float) - @greatest) ELSE 0 END)
    FROM OPENJSON(CAST(@v AS nvarchar(max))) AS a;
    DECLARE @text nvarchar(max) =
        (SELECT STRING_AGG(CONVERT(nvarchar(max),
                    CAST(CASE WHEN CAST(a.[value] AS float) - @greatest > -80
                              THEN EXP(CAST(a.[value] AS float) - @greatest) / @total ELSE 0 END AS real), 3), N',')
                WITHIN GROUP (ORDER BY CAST(a.[key] AS int))
         FROM OPENJSON(CAST(@v AS nvarchar(max))) AS a);
    RETURN CAST(N'[' + @text + N']' AS VECTOR($(Dimensions)));
END;
GO
-- Index from 0; of equal components the first.
CREATE OR ALTER FUNCTION [$(Schema)].[VectorArgMax] (@v VECTOR($(Dimensions)))
RETURNS int
WITH SCHEMABINDING
AS
BEGIN
    RETURN
        (SELECT TOP (1) CAST(a.[key] AS int)
         FROM OPENJSON(CAST(@v AS nvarchar(max))) AS a
         ORDER BY CAST(a.[value] AS float) DESC, CAST(a.[key] AS int));
END;
GO
