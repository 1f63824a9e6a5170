-- How coefficients changed: views and procedures over the system-versioned table dbo.TensorAtomCoefficients.
--
-- Mends (section 8): the duration in seconds overflowed INT for every current row; a filter on dates hid the previous value;
-- deleted coefficients counted as unchanged and new ones were missing; the percentage had the wrong sign for a negative base.

SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- dbo.vw_CurrentWeights: columns as before.
CREATE OR ALTER VIEW dbo.vw_CurrentWeights
AS
SELECT
    c.TensorAtomCoefficientId,
    c.TensorAtomId,
    a.AtomId,
    a.ModelId,
    a.LayerId,
    a.AtomType,
    c.ParentLayerId,
    c.TensorRole,
    c.Coefficient,
    c.ValidFrom AS LastUpdated,
    a.ImportanceScore,
    JSON_VALUE(a.Metadata, '$.description') AS AtomDescription,
    JSON_VALUE(a.Metadata, '$.source') AS AtomSource
FROM dbo.TensorAtomCoefficients AS c
JOIN dbo.TensorAtoms AS a ON a.TensorAtomId = c.TensorAtomId;
GO

-- dbo.vw_WeightChangeHistory: columns as before; DurationSeconds is bigint, and NULL for the value in force.
CREATE OR ALTER VIEW dbo.vw_WeightChangeHistory
AS
SELECT
    h.TensorAtomCoefficientId,
    h.TensorAtomId,
    h.ParentLayerId,
    h.TensorRole,
    h.Coefficient,
    h.ValidFrom AS ChangedAt,
    h.ValidTo AS ValidUntil,
    CASE WHEN h.ValidTo < '9999-12-31' THEN DATEDIFF_BIG(SECOND, h.ValidFrom, h.ValidTo) END AS DurationSeconds,
    LAG(h.Coefficient) OVER (PARTITION BY h.TensorAtomCoefficientId ORDER BY h.ValidFrom) AS PreviousCoefficient,
    h.Coefficient - LAG(h.Coefficient) OVER (PARTITION BY h.TensorAtomCoefficientId ORDER BY h.ValidFrom) AS CoefficientDelta
FROM dbo.TensorAtomCoefficients FOR SYSTEM_TIME ALL AS h;
GO

-- dbo.sp_GetWeightEvolution: all values of one atom within a span of time, each with the one before it, which may be older.
CREATE OR ALTER PROCEDURE dbo.sp_GetWeightEvolution
(
    @TensorAtomId bigint,
    @StartDate datetime2(7) = NULL,
    @EndDate datetime2(7) = NULL
)
AS
BEGIN
    SET NOCOUNT ON;
    SELECT
        h.TensorAtomCoefficientId,
        h.TensorAtomId,
        a.AtomId,
        a.AtomType,
        h.ParentLayerId,
        h.TensorRole,
        h.Coefficient,
        h.ChangedAt,
        h.ValidUntil,
        h.PreviousCoefficient AS PreviousValue,
        h.CoefficientDelta AS Delta,
        100.0 * h.CoefficientDelta / NULLIF(ABS(h.PreviousCoefficient), 0) AS PercentChange
    FROM dbo.vw_WeightChangeHistory AS h
    LEFT JOIN dbo.TensorAtoms AS a ON a.TensorAtomId = h.TensorAtomId
    WHERE h.TensorAtomId = @TensorAtomId
      AND (@StartDate IS NULL OR h.ChangedAt >= @StartDate)
      AND (@EndDate IS NULL OR h.ChangedAt <= @EndDate)
    ORDER BY h.TensorAtomCoefficientId, h.ChangedAt;
END;
GO

-- dbo.sp_CompareWeightsAtTimes: drift between two points in time, largest first (hart.TensorDrift).
--
-- Columns: the nine of the original, then Change (added, removed, changed) and SymmetricDelta. A coefficient that was absent
-- has NULL and counts as 0 in Delta. Additions and removals are listed whatever their size. Not to be run by INSERT ... EXEC (error 8164).
CREATE OR ALTER PROCEDURE dbo.sp_CompareWeightsAtTimes
(
    @Time1 datetime2(7),
    @Time2 datetime2(7),
    @ModelId int = NULL,
    @MinDeltaThreshold real = 0.0001
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @Time1 IS NULL OR @Time2 IS NULL
        THROW 59935, N'@Time1 or @Time2 is NULL; expected two points in time (UTC)', 1;
    SELECT
        COALESCE(t1.TensorAtomCoefficientId, t2.TensorAtomCoefficientId) AS id,
        COALESCE(t1.TensorAtomId, t2.TensorAtomId) AS TensorAtomId,
        COALESCE(t1.TensorRole, t2.TensorRole) AS TensorRole,
        CAST(t1.Coefficient AS float) AS [before],
        CAST(t2.Coefficient AS float) AS [after]
    INTO #both
    FROM (SELECT * FROM dbo.TensorAtomCoefficients FOR SYSTEM_TIME AS OF @Time1) AS t1
    FULL OUTER JOIN (SELECT * FROM dbo.TensorAtomCoefficients FOR SYSTEM_TIME AS OF @Time2) AS t2
        ON t2.TensorAtomCoefficientId = t1.TensorAtomCoefficientId;
    IF @ModelId IS NOT NULL
        DELETE FROM #both
        WHERE TensorAtomId NOT IN (SELECT TensorAtomId FROM dbo.TensorAtoms WHERE ModelId = @ModelId);

    CREATE TABLE #drift (id bigint NOT NULL PRIMARY KEY, change varchar(8000), delta float, relative_delta float, symmetric_delta float);
    INSERT INTO #drift (id, change, delta, relative_delta, symmetric_delta)
    EXEC [hart].[TensorDrift] @source = N'SELECT id, [before], [after] FROM #both';
    SELECT
        b.id AS TensorAtomCoefficientId,
        b.TensorAtomId,
        a.ModelId,
        a.AtomType,
        b.TensorRole,
        CAST(b.[before] AS real) AS Coefficient1,
        CAST(b.[after] AS real) AS Coefficient2,
        d.delta AS Delta,
        100 * d.relative_delta AS PercentChange,
        d.change AS [Change],
        d.symmetric_delta AS SymmetricDelta
    FROM #drift AS d
    JOIN #both AS b ON b.id = d.id
    LEFT JOIN dbo.TensorAtoms AS a ON a.TensorAtomId = b.TensorAtomId
    WHERE d.change IN ('added', 'removed') OR (d.change = 'changed' AND ABS(d.delta) >= @MinDeltaThreshold)
    ORDER BY ABS(d.delta) DESC, b.id;
END;
GO

-- dbo.sp_GetRecentWeightChanges: the newest changes, by default of the last day, each with the value before it.
CREATE OR ALTER PROCEDURE dbo.sp_GetRecentWeightChanges
(
    @TopN int = 100,
    @SinceDateTime datetime2(7) = NULL
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @since datetime2(7) = COALESCE(@SinceDateTime, DATEADD(DAY, -1, SYSUTCDATETIME()));
    SELECT TOP (@TopN)
        h.TensorAtomCoefficientId,
        h.TensorAtomId,
        a.AtomId,
        a.ModelId,
        a.AtomType,
        h.TensorRole,
        h.Coefficient AS CurrentValue,
        h.PreviousCoefficient AS PreviousValue,
        h.CoefficientDelta AS Delta,
        h.ChangedAt
    FROM dbo.vw_WeightChangeHistory AS h
    LEFT JOIN dbo.TensorAtoms AS a ON a.TensorAtomId = h.TensorAtomId
    WHERE h.ChangedAt >= @since
    ORDER BY h.ChangedAt DESC, h.TensorAtomCoefficientId;
END;
GO
