-- Step 4: the role hart_caller, whose members may call the wrappers. Members read only what they may read anyway, for
-- @source runs with their own rights.
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
IF DATABASE_PRINCIPAL_ID(N'hart_caller') IS NULL
    CREATE ROLE [hart_caller];
GO
-- The wrappers, and the table types that their parameters have.
GRANT EXECUTE ON SCHEMA::[hart] TO [hart_caller];
GO
-- This language only; EXECUTE ANY EXTERNAL SCRIPT is not needed.
GRANT EXECUTE EXTERNAL SCRIPT ON EXTERNAL LANGUAGE::[hart] TO [hart_caller];
GO
