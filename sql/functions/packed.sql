-- Packed singles (little-endian f32, as the old functions took them) and VECTOR, in T-SQL alone. No SQL Server function converts
-- between varbinary and vector.
--
--   export Schema=dbo Dimensions=1998                     (Windows: set Schema=dbo, then set Dimensions=1998)
--   sqlcmd -b -d <database> -i functions/packed.sql
--
-- Replaces clr_BinaryToFloat, ConvertVarbinary4ToReal, clr_JsonFloatArrayToBytes and clr_BytesToFloatArrayJson for single values.

SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- The single in four bytes; NULL for NULL, for any other length, and for infinity and NaN, which REAL cannot hold. Exact, with the sign of
-- zero. ConvertVarbinary4ToReal read the bytes in the other order and had 2^-127 for 0.
CREATE OR ALTER FUNCTION [$(Schema)].[PackedToReal] (@bytes varbinary(4))
RETURNS real
WITH SCHEMABINDING
AS
BEGIN
    DECLARE @bits int = CAST(
        SUBSTRING(@bytes, 4, 1) + SUBSTRING(@bytes, 3, 1) + SUBSTRING(@bytes, 2, 1) + SUBSTRING(@bytes, 1, 1) AS int);
    DECLARE @exponent int = (@bits & 2139095040) / 8388608;
    DECLARE @fraction int = @bits & 8388607;
    -- A float: a whole number has no -0.
    DECLARE @sign float = CASE WHEN @bits < 0 THEN -1 ELSE 1 END;
    RETURN CAST(
        CASE
            WHEN DATALENGTH(@bytes) <> 4 OR @exponent = 255 THEN NULL
            WHEN @exponent = 0 THEN @sign * @fraction * POWER(CAST(2 AS float), -149)
            ELSE @sign * (8388608 + @fraction) * POWER(CAST(2 AS float), @exponent - 150)
        END AS real);
END;
GO
-- JSON array of the singles; NULL for NULL, for a length that is no multiple of 4, and where one is infinite or NaN.
CREATE OR ALTER FUNCTION [$(Schema)].[PackedToJson] (@packed varbinary(max))
RETURNS nvarchar(max)
AS
BEGIN
    IF @packed IS NULL OR DATALENGTH(@packed) % 4 <> 0
        RETURN NULL;
    IF DATALENGTH(@packed) = 0
        RETURN N'[]';
    DECLARE @text nvarchar(max), @missing int;
    -- The positions are counted, because GENERATE_SERIES is not there in databases below compatibility level 160.
    WITH sixteen AS
    (
        SELECT n FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15)) AS v (n)
    ),
    positions AS
    (
        SELECT TOP (CAST(DATALENGTH(@packed) / 4 AS int)) CAST(ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) - 1 AS int) AS place
        FROM sixteen AS a CROSS JOIN sixteen AS b CROSS JOIN sixteen AS c CROSS JOIN sixteen AS d
        CROSS JOIN sixteen AS e CROSS JOIN sixteen AS f CROSS JOIN sixteen AS g CROSS JOIN sixteen AS h
    )
    SELECT
        @text = STRING_AGG(CONVERT(nvarchar(max), [$(Schema)].[PackedToReal](SUBSTRING(@packed, 4 * p.place + 1, 4)), 3), N',')
            WITHIN GROUP (ORDER BY p.place),
        @missing = SUM(CASE WHEN [$(Schema)].[PackedToReal](SUBSTRING(@packed, 4 * p.place + 1, 4)) IS NULL THEN 1 ELSE 0 END)
    FROM positions AS p;
    RETURN CASE WHEN @missing = 0 THEN N'[' + @text + N']' END;
END;
GO
-- Exact: the text has as many digits as tell singles apart.
CREATE OR ALTER FUNCTION [$(Schema)].[PackedToVector] (@packed varbinary(8000))
RETURNS VECTOR($(Dimensions))
AS
BEGIN
    RETURN CAST([$(Schema)].[PackedToJson](@packed) AS VECTOR($(Dimensions)));
END;
GO
-- Packed singles of a JSON array of numbers; 0x for []. A component that is no number (null, true, text, an array) is an error of conversion
-- (8114), as is text that is no JSON (13609).
CREATE OR ALTER FUNCTION [$(Schema)].[JsonToPacked] (@json nvarchar(max))
RETURNS varbinary(max)
WITH SCHEMABINDING
AS
BEGIN
    IF @json IS NULL
        RETURN NULL;
    DECLARE @digits varchar(max) =
        (SELECT STRING_AGG(CONVERT(varchar(max),
                    SUBSTRING(c.bytes, 4, 1) + SUBSTRING(c.bytes, 3, 1) + SUBSTRING(c.bytes, 2, 1) + SUBSTRING(c.bytes, 1, 1), 2), '')
                WITHIN GROUP (ORDER BY CAST(a.[key] AS int))
         FROM OPENJSON(@json) AS a
         -- Type 2 is a number. STRING_AGG leaves NULL out, so that a null would make the vector shorter.
         CROSS APPLY
             (SELECT CAST(CAST(CASE WHEN a.[type] = 2 THEN a.[value] ELSE N'a component is no number' END AS real) AS binary(4)) AS bytes) AS c);
    RETURN CONVERT(varbinary(max), COALESCE(@digits, ''), 2);
END;
GO
-- The text of a VECTOR has eight digits, so about one component in a hundred differs in its last bit from the stored one. Where
-- that matters the application that makes the vectors should store the packed form itself.
CREATE OR ALTER FUNCTION [$(Schema)].[VectorToPacked] (@v VECTOR($(Dimensions)))
RETURNS varbinary(8000)
AS
BEGIN
    RETURN CAST([$(Schema)].[JsonToPacked](CAST(@v AS nvarchar(max))) AS varbinary(8000));
END;
GO
