-- Student models by importance, and the comparison of models.

SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- dbo.sp_ExtractStudentModel: clones a model's layers with their more important tensor atoms and coefficients.
--
-- @layer_subset          indexes of layers, separated by commas; NULL or empty for all.
-- @importance_threshold  least importance; atoms without a score are kept. NULL for all atoms.
-- @keep_ratio            instead of a threshold: the share of the scored atoms to keep (hart.TensorPrune), over 0 to 1.
-- @layer_errors          1: a second result set says of each factored layer what it costs: layer_idx, layer_name, components,
--                        kept_components, relative_error (Frobenius, against the parent's stored components).
-- Result: student_model_id, student_name, original_tensor_atoms, student_tensor_atoms, atom_retention_percent.
--
-- Mends (section 8): two versions overwrote each other, the shape version is dbo.sp_SynthesizeModelLayer now; the feedback
-- procedure, called WITH RESULT SETS NONE, ended every extraction: it is the caller's own next step; ParameterCount was the
-- number of atoms and is now the sum over the layers; payloads are cloned too, so students can be rebuilt.
-- The left vector of a singular component goes with its right one, which alone is measured and counted in @keep_ratio.
-- @keep_ratio is not to be given within INSERT ... EXEC (error 8164).
CREATE OR ALTER PROCEDURE dbo.sp_ExtractStudentModel
(
    @ParentModelId int,
    @layer_subset nvarchar(max) = NULL,
    @importance_threshold float = 0.5,
    @NewModelName nvarchar(200),
    @keep_ratio float = NULL,
    @layer_errors bit = 0
)
AS
BEGIN
    SET NOCOUNT ON;
    IF NOT EXISTS (SELECT * FROM dbo.Models WHERE ModelId = @ParentModelId)
        THROW 50001, N'Parent model not found.', 1;
    -- An empty text, or a sign alone, would be 0 as a number.
    IF EXISTS
        (SELECT * FROM STRING_SPLIT(NULLIF(@layer_subset, N''), N',')
         WHERE [value] NOT LIKE N'%[0-9]%' OR TRY_CAST([value] AS int) IS NULL)
        THROW 59934, N'@layer_subset has something that is no number; expected indexes of layers, separated by commas', 1;

    SELECT LayerId, LayerIdx
    INTO #layers
    FROM dbo.ModelLayers
    WHERE ModelId = @ParentModelId
      AND (NULLIF(@layer_subset, N'') IS NULL
           OR LayerIdx IN (SELECT TRY_CAST([value] AS int) FROM STRING_SPLIT(@layer_subset, N',')));
    SELECT a.TensorAtomId, CAST(a.ImportanceScore AS float) AS importance
    INTO #atoms
    FROM dbo.TensorAtoms AS a
    JOIN #layers AS l ON l.LayerId = a.LayerId
    WHERE a.ModelId = @ParentModelId AND COALESCE(a.AtomType, N'') <> N'svd_left';
    IF @keep_ratio IS NOT NULL
    BEGIN
        CREATE TABLE #kept (id bigint NOT NULL PRIMARY KEY, [rank] int, importance float, kept_energy float, error float);
        INSERT INTO #kept (id, [rank], importance, kept_energy, error)
        EXEC [hart].[TensorPrune]
            @source = N'SELECT TensorAtomId AS id, importance, CAST(NULL AS float) AS energy FROM #atoms WHERE importance IS NOT NULL',
            @target = 'ratio', @value = @keep_ratio;
        DELETE FROM #atoms WHERE importance IS NOT NULL AND TensorAtomId NOT IN (SELECT id FROM #kept);
    END
    ELSE
        DELETE FROM #atoms WHERE importance < @importance_threshold;
    INSERT INTO #atoms (TensorAtomId, importance)
    SELECT u.TensorAtomId, CAST(u.ImportanceScore AS float)
    FROM dbo.TensorAtoms AS u
    WHERE u.ModelId = @ParentModelId
      AND u.AtomType = N'svd_left'
      AND EXISTS
        (SELECT * FROM #atoms AS k
         JOIN dbo.TensorAtoms AS v ON v.TensorAtomId = k.TensorAtomId
         WHERE v.AtomType = N'svd_right'
           AND v.LayerId = u.LayerId
           AND JSON_VALUE(v.Metadata, '$.component') = JSON_VALUE(u.Metadata, '$.component'));

    -- A transaction of its own, or a savepoint in the caller's, which so keeps what it did before.
    DECLARE @own bit = CASE WHEN @@TRANCOUNT = 0 THEN 1 ELSE 0 END;
    BEGIN TRY
        IF @own = 1
        BEGIN
            -- A client that gives up leaves no open transaction.
            SET XACT_ABORT ON;
            BEGIN TRANSACTION;
        END
        ELSE
            SAVE TRANSACTION hart_extract_student;
        INSERT INTO dbo.Models (ModelName, ModelType, Architecture, Config, ParameterCount)
        SELECT
            @NewModelName, m.ModelType, m.Architecture, m.Config,
            (SELECT SUM(l.ParameterCount) FROM dbo.ModelLayers AS l WHERE l.LayerId IN (SELECT LayerId FROM #layers))
        FROM dbo.Models AS m
        WHERE m.ModelId = @ParentModelId;
        DECLARE @student int = SCOPE_IDENTITY();

        DECLARE @layer_map TABLE (old_id bigint NOT NULL PRIMARY KEY, new_id bigint NOT NULL);
        MERGE dbo.ModelLayers AS target
        USING (SELECT l.* FROM dbo.ModelLayers AS l JOIN #layers AS s ON s.LayerId = l.LayerId) AS source
        ON 1 = 0
        WHEN NOT MATCHED THEN
            INSERT (ModelId, LayerIdx, LayerName, LayerType, WeightsGeometry, TensorShape, TensorDtype, QuantizationType,
                    QuantizationScale, QuantizationZeroPoint, Parameters, ParameterCount, CacheHitRate, AvgComputeTimeMs, LayerAtomId)
            VALUES (@student, source.LayerIdx, source.LayerName, source.LayerType, source.WeightsGeometry, source.TensorShape,
                    source.TensorDtype, source.QuantizationType, source.QuantizationScale, source.QuantizationZeroPoint,
                    JSON_MODIFY(JSON_MODIFY(CAST(source.Parameters AS nvarchar(max)), '$.components', NULL), '$.relativeError', NULL),
                    source.ParameterCount, source.CacheHitRate, source.AvgComputeTimeMs, source.LayerAtomId)
        OUTPUT source.LayerId, inserted.LayerId INTO @layer_map (old_id, new_id);

        DECLARE @atom_map TABLE (old_id bigint NOT NULL PRIMARY KEY, new_id bigint NOT NULL);
        MERGE dbo.TensorAtoms AS target
        USING
        (
            SELECT a.*, m.new_id AS new_layer_id
            FROM dbo.TensorAtoms AS a
            JOIN #atoms AS k ON k.TensorAtomId = a.TensorAtomId
            JOIN @layer_map AS m ON m.old_id = a.LayerId
        ) AS source
        ON 1 = 0
        WHEN NOT MATCHED THEN
            INSERT (AtomId, ModelId, LayerId, AtomType, SpatialSignature, GeometryFootprint, Metadata, ImportanceScore)
            VALUES (source.AtomId, @student, source.new_layer_id, source.AtomType, source.SpatialSignature,
                    source.GeometryFootprint, source.Metadata, source.ImportanceScore)
        OUTPUT source.TensorAtomId, inserted.TensorAtomId INTO @atom_map (old_id, new_id);

        INSERT INTO dbo.TensorAtomCoefficients (TensorAtomId, ParentLayerId, TensorRole, Coefficient)
        SELECT a.new_id, l.new_id, c.TensorRole, c.Coefficient
        FROM dbo.TensorAtomCoefficients AS c
        JOIN @atom_map AS a ON a.old_id = c.TensorAtomId
        JOIN @layer_map AS l ON l.old_id = c.ParentLayerId;
        INSERT INTO dbo.TensorAtomPayloads (TensorAtomId, RowGuid, Payload, Metadata)
        SELECT m.new_id, NEWID(), p.Payload, p.Metadata
        FROM dbo.TensorAtomPayloads AS p
        JOIN @atom_map AS m ON m.old_id = p.TensorAtomId;
        IF @own = 1
            COMMIT TRANSACTION;
    END TRY
    BEGIN CATCH
        IF @own = 1 AND XACT_STATE() <> 0
            ROLLBACK TRANSACTION;
        ELSE IF @own = 0 AND XACT_STATE() = 1
            ROLLBACK TRANSACTION hart_extract_student;
        THROW;
    END CATCH;

    DECLARE @original bigint = (SELECT COUNT_BIG(*) FROM dbo.TensorAtoms WHERE ModelId = @ParentModelId);
    DECLARE @kept_atoms bigint = (SELECT COUNT_BIG(*) FROM @atom_map);
    SELECT
        @student AS student_model_id,
        @NewModelName AS student_name,
        @original AS original_tensor_atoms,
        @kept_atoms AS student_tensor_atoms,
        CAST(100.0 * @kept_atoms / NULLIF(@original, 0) AS decimal(6, 2)) AS atom_retention_percent;
    -- Components are orthonormal, so what is left out is the root of the sum of their squares (Eckart and Young 1936).
    IF @layer_errors = 1
        SELECT
            l.LayerIdx AS layer_idx,
            l.LayerName AS layer_name,
            COUNT(*) AS components,
            COUNT(s.component) AS kept_components,
            SQRT(SUM(CASE WHEN s.component IS NULL THEN SQUARE(p.singular_value) ELSE 0 END)
                 / NULLIF(SUM(SQUARE(p.singular_value)), 0)) AS relative_error
        FROM @layer_map AS m
        JOIN dbo.ModelLayers AS l ON l.LayerId = m.new_id
        CROSS APPLY dbo.fn_LayerComponents(m.old_id) AS p
        LEFT JOIN
        (
            SELECT n.new_id, k.component
            FROM @layer_map AS n
            CROSS APPLY dbo.fn_LayerComponents(n.new_id) AS k
        ) AS s ON s.new_id = m.new_id AND s.component = p.component
        GROUP BY l.LayerIdx, l.LayerName
        ORDER BY l.LayerIdx;
END;
GO

-- dbo.sp_CompareModelKnowledge: two models side by side.
--
-- Result sets: the three of the original with its columns (importance, layers, coefficients), and with @compare_values = 1 a fourth:
-- layer by layer, how far the coefficients of the same atoms agree (hart.TensorCompare). Atoms are the same where their payloads are,
-- as those of a clone; two models that were factored apart share none, and hart.TensorError compares their layers.
-- Mends (section 8): counts were compared, never values; a model without atoms is a row of its own with 0.
CREATE OR ALTER PROCEDURE dbo.sp_CompareModelKnowledge
(
    @ModelAId int,
    @ModelBId int,
    @compare_values bit = 0
)
AS
BEGIN
    SET NOCOUNT ON;
    SELECT
        m.model_name,
        m.model_id,
        COUNT(a.TensorAtomId) AS total_tensor_atoms,
        AVG(CAST(a.ImportanceScore AS float)) AS avg_importance,
        STDEV(CAST(a.ImportanceScore AS float)) AS stdev_importance,
        MIN(a.ImportanceScore) AS min_importance,
        MAX(a.ImportanceScore) AS max_importance
    FROM (VALUES ('Model A', @ModelAId), ('Model B', @ModelBId)) AS m (model_name, model_id)
    LEFT JOIN dbo.TensorAtoms AS a ON a.ModelId = m.model_id
    GROUP BY m.model_name, m.model_id
    ORDER BY m.model_name;

    SELECT
        'Layer Comparison' AS analysis_type,
        COALESCE(a.LayerIdx, b.LayerIdx) AS layer_idx,
        a.LayerType AS model_a_type,
        b.LayerType AS model_b_type,
        a.ParameterCount AS model_a_parameters,
        b.ParameterCount AS model_b_parameters,
        a.TensorShape AS model_a_shape,
        b.TensorShape AS model_b_shape
    FROM (SELECT * FROM dbo.ModelLayers WHERE ModelId = @ModelAId) AS a
    FULL OUTER JOIN (SELECT * FROM dbo.ModelLayers WHERE ModelId = @ModelBId) AS b ON b.LayerIdx = a.LayerIdx
    ORDER BY COALESCE(a.LayerIdx, b.LayerIdx);

    SELECT
        'Coefficient Coverage' AS analysis_type,
        m.model_id,
        COUNT(c.Coefficient) AS total_coefficients,
        AVG(CAST(c.Coefficient AS float)) AS avg_value,
        MAX(c.Coefficient) AS max_value,
        MIN(c.Coefficient) AS min_value
    FROM (SELECT @ModelAId AS model_id UNION SELECT @ModelBId) AS m
    LEFT JOIN dbo.TensorAtoms AS a ON a.ModelId = m.model_id
    LEFT JOIN dbo.TensorAtomCoefficients AS c ON c.TensorAtomId = a.TensorAtomId
    GROUP BY m.model_id
    ORDER BY m.model_id;

    IF @compare_values = 1
    BEGIN
        -- The first bytes of a hash of the payload; without one, the atom that it belongs to.
        SELECT
            a.ModelId AS model_id,
            CONCAT(l.LayerIdx, N' ', l.LayerName) AS layer,
            COALESCE(CAST(SUBSTRING(h.[hash], 1, 8) AS bigint), a.AtomId) AS atom_id,
            SUM(CAST(c.Coefficient AS float)) AS coefficient
        INTO #coefficients
        FROM dbo.TensorAtoms AS a
        JOIN dbo.TensorAtomCoefficients AS c ON c.TensorAtomId = a.TensorAtomId
        JOIN dbo.ModelLayers AS l ON l.LayerId = c.ParentLayerId
        OUTER APPLY
        (
            SELECT TOP (1) HASHBYTES('SHA2_256', p.Payload) AS [hash]
            FROM dbo.TensorAtomPayloads AS p
            WHERE p.TensorAtomId = a.TensorAtomId
            ORDER BY p.PayloadId
        ) AS h
        WHERE a.ModelId IN (@ModelAId, @ModelBId) AND COALESCE(c.TensorRole, N'') <> N'u'
        GROUP BY a.ModelId, l.LayerIdx, l.LayerName, COALESCE(CAST(SUBSTRING(h.[hash], 1, 8) AS bigint), a.AtomId);
        SELECT
            COALESCE(a.layer, b.layer) AS layer,
            COALESCE(a.atom_id, b.atom_id) AS atom_id,
            a.coefficient AS a,
            b.coefficient AS b
        INTO #pairs
        FROM (SELECT * FROM #coefficients WHERE model_id = @ModelAId) AS a
        FULL OUTER JOIN (SELECT * FROM #coefficients WHERE model_id = @ModelBId) AS b
            ON b.layer = a.layer AND b.atom_id = a.atom_id;
        EXEC [hart].[TensorCompare] @source = N'SELECT layer, atom_id, a, b FROM #pairs';
    END;
END;
GO
